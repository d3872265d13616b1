# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every error a user can meet: one class a code.

The style is the one of VDSM's own errors: `takes` names the fields that an
error is made with, in their order. `msg` is a format string in which {self} is
the error. The docstring of a class is what `vdsm-backup-domain explain
CODE` prints: what the code means and what to do. `hints` are the next steps,
shown under the message.

Neither VDSM nor the engine's VdcBllErrors has a code from 956 to 999; VDSM's
(lib/vdsm/storage/exception.py and lib/vdsm/common/exception.py) end below. So
errors that cross a verb of VDSM or a hook have these codes. All other errors
have 9600 to 9699. A code never changes its meaning and is never used again.
"""

from __future__ import annotations

# A hook imports this module: see processes/__init__.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, ClassVar

# First and last code: of what may cross a verb or a hook, and of all else.
RANGES = ((956, 999), (9600, 9699))


class Error(Exception):
    """
    Base of all errors; never raised itself.

    The fields that `takes` names are given to the constructor by position or
    by name, and become attributes.
    """

    code: ClassVar[int] = 0
    takes: ClassVar[tuple[str, ...]] = ()
    msg: ClassVar[str] = ""
    hints: ClassVar[tuple[str, ...]] = ()
    #: As `msg`, in few words, and without the domain: for the line of a
    #: refusal, which names the domain and has little room. "": only `msg`.
    brief: ClassVar[str] = ""
    #: Exit code 4 of the command line: not a failure, an answer.
    refusal: ClassVar[bool] = False
    #: Exit code 2: the arguments make no sense, wherever they are used.
    wrong_usage: ClassVar[bool] = False

    #: The code that a verb of VDSM answers with, where it is another one: a
    #: verb has had that code before ours came, and has none above 999.
    verb_code: ClassVar[int] = 0

    #: Which of several causes it has, for programs: a word of docs/json.md.
    #: "": none that a program needs.
    cause: str = ""

    #: The text, if another program told of the error; replaces `msg`.
    said: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(self.takes, args))
        if len(args) > len(self.takes) or given.keys() & kwargs.keys():
            raise TypeError(f"{self.name} takes {self.takes}, got {args}")
        given.update(kwargs)
        if given.keys() != set(self.takes):
            raise TypeError(f"{self.name} takes {self.takes}, got {given}")
        super().__init__(*args)
        self.__dict__.update(given)

    def __getattr__(self, field: str) -> Any:
        # Never called for a field that was given; it tells type checkers
        # that there are fields.
        raise AttributeError(field)

    def __str__(self) -> str:
        return self.said or self.msg.format(self=self)

    def with_code(self) -> str:
        """For a line of a log or a table: `explain` takes the code."""
        return f"error {self.code}: {self}"

    def in_brief(self) -> str:
        if self.said or not self.brief:
            return str(self)
        return self.brief.format(self=self)

    @property
    def name(self) -> str:
        return type(self).__name__

    def fields(self) -> dict[str, Any]:
        """What the error was made with, as from_fields() takes it."""
        return {name: getattr(self, name) for name in self.takes}

    def as_object(self) -> dict[str, Any]:
        """ERROR of docs/json.md."""
        found = {
            "code": self.code,
            "name": self.name,
            "message": str(self),
            "hints": self.hint_lines(),
        }
        if self.cause:
            found["cause"] = self.cause
        return found

    def hint_lines(self) -> list[str]:
        # An error from from_text() has no fields.
        return [
            hint.format(self=self)
            for hint in self.hints
            if not self.said or "{self." not in hint
        ]


# Families, for callers that treat several errors alike.


class Unreadable(Error):
    """
    The metadata cannot be read now; never raised itself.

    It says nothing about the flag, and another try may succeed.
    """


class Untrustworthy(Error):
    """
    What was read is not metadata that can be trusted; never raised itself.
    """


class Lifted(Error):
    """
    Why something is refused; never raised itself.

    lifted: it is not refused here: the mode, an option or a permit lets it
        through. Then the text says that it may be done, and what speaks
        against it.
    """

    lifted: bool = False

    #: As `msg`, where it is not refused.
    msg_lifted: ClassVar[str] = ""

    def __str__(self) -> str:
        if self.lifted and not self.said:
            return self.msg_lifted.format(self=self)
        return super().__str__()


class VmRefused(Lifted):
    """
    A VM may not do something with a domain; never raised itself.

    vm_id, sd_id: UUIDs of the VM and the domain, for a line in which names
        that are not ASCII cannot stand. "": not known.
    permit_lifts: whether a permit of the VM would lift the refusal.
    """

    vm_id: str = ""
    sd_id: str = ""
    permit_lifts: bool = True

    @property
    def be(self) -> str:
        several = self.disk.startswith("disks ") or " and " in self.disk
        return "are" if several else "is"

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        if self.permit_lifts:
            lines.append(
                "if it must not wait, for this VM and for a time, on the host"
                " that is to run it: vdsm-backup-domain permit --vm"
                f" {self.vm_id or 'UUID'} --for 2h --reason TEXT"
            )
        return lines


class Overridable(Error):
    """
    What the command would go on from with another option; never raised itself.

    again: the command that was given, for a shell, without `option`.
    option: that of which the hint gives a new value, if any.
    """

    again: str = "the same command with"
    option: ClassVar[str] = ""


class Restorable(Error):
    """
    The metadata is gone or damaged, and a copy may help; never raised itself.

    copy: (number, whether it has the flag) of the newest whole copy that this
        host keeps, or () if it keeps none. None: not known.
    """

    copy: tuple[int, bool] | tuple[()] | None = None

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        return lines if self.said else [*self._copies(), *lines]

    def _copies(self) -> list[str]:
        history = f"vdsm-backup-domain history {self.domain}"
        restore = f"vdsm-backup-domain restore {self.domain}"
        if self.copy == ():
            return elsewhere(self.domain)
        if self.copy and not self.copy[1]:
            # `restore` puts it back only if it is named: see 993.
            number = self.copy[0]
            return [
                "see the newest copy of this host, which has no flag:"
                f" {history} --show {number}",
                f"if it is the right one: {restore} --from {number}",
                "and then, if the domain is to be a backup domain:"
                f" vdsm-backup-domain set {self.domain} --reason TEXT",
            ]
        return [
            f"copies kept on this host: {history}",
            f"put the newest one back: {restore}",
        ]


#: What to do if no host keeps a copy of a domain's metadata.
WITHOUT_A_COPY = (
    "/usr/share/doc/vdsm-backup-domain/docs/damaged.md, Without a copy"
)


def elsewhere(domain: str) -> list[str]:
    """The next steps where this host keeps no copy of a domain's metadata."""
    history = f"vdsm-backup-domain history {domain}"
    restore = f"vdsm-backup-domain restore {domain}"
    return [
        "this host keeps no copy that is whole, and each host those of its own"
        f" changes; who has made the last one: {history}",
        f"there: {history} --export N >copy.json; here: {restore} --file"
        " copy.json",
    ]


class Caused(Error):
    """
    What another program says, and that says little; never raised itself.

    causes: what was found to be wrong with the domain.
    """

    causes: Sequence[Error] = ()

    def __str__(self) -> str:
        return "; ".join([super().__str__(), *map(str, self.causes)])

    def hint_lines(self) -> list[str]:
        if not self.causes:
            return super().hint_lines()
        lines = [line for e in self.causes for line in e.hint_lines()]
        return list(dict.fromkeys(lines))


# From and to other processes


def by_code() -> dict[int, type[Error]]:
    """All error classes, by their code."""
    return {c.code: c for c in _subclasses(Error) if c.code}


def to_fields(exception: Exception) -> dict[str, Any]:
    """An exception as it crosses the border of a process, for JSON."""
    if not isinstance(exception, Error):
        kind = type(exception).__name__
        exception = InternalError(kind, str(exception))
    return {"code": exception.code, "fields": exception.fields()}


def from_fields(code: int, fields: dict[str, Any]) -> Error:
    """Make again an error that another of our processes met."""
    return by_code()[code](**fields)


def from_text(
    code: int, text: str, hints: Sequence[str] | None = None
) -> Error:
    """
    An error that another program told of: its code, and its text. hints:
    instead of those of the class.
    """
    cls = by_code()[code]
    error = cls.__new__(cls)
    error.said = text
    if hints is not None:
        error.__dict__["hints"] = tuple(hints)
    return error


# What is done in the steps of a write.
_DOING = {
    "start": "starting to write",
    "lease": "preparing the lease",
    "origin": "looking at dom_md/ids",
    "compare": "comparing the metadata with what was read",
    "clean": "removing the files of other writers",
    "lock": "taking LVM's lock of the VG",
    "encode": "encoding the new metadata",
    "create": "creating the new metadata file",
    "write": "writing the new metadata",
    "check": "checking the new metadata file",
    "link": "keeping the old metadata file",
    "commit": "putting the new metadata in place",
    "confirm": "confirming the new metadata",
}


def doing(step: str) -> str:
    """A step of a write in words, which go before "failed"."""
    return _DOING.get(step, step)


# How the reason of a HistoryFailed begins if the record of a copy is there.
DAMAGED_COPY = "damaged copy"


def is_full(reason: str) -> bool:
    """Whether this is why a file could not be written."""
    return "No space left" in reason or "quota exceeded" in reason


def hints_of_place(directory: str, reason: str) -> list[str]:
    """
    The next steps where nothing can be written in a directory of this host, by
    the reason. []: it is none of which the directory tells more.
    """
    import shlex

    where = shlex.quote(directory or ".")
    if is_full(reason):
        return [f"make space there: df -h {where}; df -i {where}"]
    if "Read-only file system" in reason:
        return [
            "see what is mounted there, and mount it for writing: findmnt -T"
            f" {where}"
        ]
    if "Not a directory" in reason or "File exists" in reason:
        return [f"see what is there instead of a directory: namei -l {where}"]
    if "Permission denied" in reason:
        return [f"whoever runs this must be able to write: ls -ld {where}"]
    return []


def _subclasses(cls: type[Error]) -> Iterator[type[Error]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


# Which domain


class TooShort:
    """
    Too few characters of a UUID were given.

    ids: the UUIDs that begin so. least: the characters that are needed.
    """

    def __init__(self, ids: Sequence[str], least: int) -> None:
        self.ids = sorted(set(ids))
        self.least = least

    def words(self) -> str:
        """To stand behind what was not found."""
        count = len(self.ids)
        begin = "the UUID of 1 domain begins"
        if count > 1:
            begin = f"the UUIDs of {count} domains begin"
        return (
            f"; {begin} so, but of a UUID at least {self.least} characters are"
            " needed"
        )

    def hint(self) -> str:
        shown = " ".join(self.ids[:5])
        one = "that one" if len(self.ids) == 1 else "one of these"
        return f"if you mean {one}: vdsm-backup-domain show {shown}"


class DomainNotFound(Error):
    """
    No storage domain with this UUID or name was found on this host.

    Only mounted file domains and block domains on this host's devices are
    seen. Connect the storage (in the engine: activate or attach the domain),
    or name it with --path or --device where the command has them.
    """

    code = 956
    takes = ("domain",)
    msg = "Storage domain {self.domain} was not found on this host"
    brief = "not found on this host"
    hints = (
        "see what this host can see: vdsm-backup-domain list",
        "storage that VDSM has not connected: vdsm-backup-domain show --path"
        " DIR, or --device DEV",
    )

    #: Why VDSM takes what is there for no domain.
    instead: Error | None = None
    #: What is too short to stand for a UUID, and for which.
    too_short: TooShort | None = None

    def __str__(self) -> str:
        text = super().__str__()
        if self.too_short:
            text += self.too_short.words()
        return f"{text}; {self.instead}" if self.instead else text

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        if self.too_short:
            return [self.too_short.hint(), *lines[:1]]
        if self.instead:
            # It is connected.
            return [*self.instead.hint_lines(), *lines[:1]]
        return lines


class AmbiguousDomain(Error):
    """
    More than one storage domain has this UUID or name.

    Two places with one UUID may be one storage that is mounted twice: then
    name one of the places, with --path. Or they are a replica beside its
    origin. We never pick one of these, and change neither while both are here:
    disconnect the one you do not mean. `show` and `verify` look at each with
    --path or --device. Of domains with one name, use the UUID; also where one
    domain has as its name what the UUID of another one begins with.

    `history` and `log` go by the records of this host, in which one domain may
    have had a name after another one. `show` says which one has it now.
    """

    code = 957
    takes = ("domain", "places")
    msg = "{self.domain} is not unique, found: {self.places}"
    brief = "it is in several places"
    hints = ("{self.way_out}",)

    #: The next step. Who knows what is in the places may replace it.
    way_out: str = (
        "disconnect the one you do not mean; look at each: vdsm-backup-domain"
        " show --path DIR, or --device DEV"
    )

    def show(
        self,
        places: Sequence[tuple[str, str]],
        first: str = "disconnect the one you do not mean",
    ) -> None:
        """
        Have the next step show each of the places, ("--path", directory) or
        ("--device", device), for a shell. first: what to do then.
        """
        commands = [
            f"vdsm-backup-domain show {option} {place}"
            for option, place in places
        ]
        self.way_out = f"{first}; look at each: {'; '.join(commands)}"


class DomainUncertain(Error):
    """
    One domain has this name, and another one may have it, too.

    The names of some domains could not be read, or some places could not be
    searched. The message says which, and by which error. The domain that was
    found is usable by its UUID, which is never mistaken for another one.
    """

    code = 9609
    takes = ("domain", "sd_id", "why", "unread")
    msg = (
        'Cannot be sure which domain "{self.domain}" is: {self.sd_id}'
        " {self.why}, and {self.unread}"
    )
    hints = ("use the UUID: vdsm-backup-domain show {self.sd_id}",)

    #: The command that was given, with the UUID, if it is to change a domain.
    command: str = ""
    #: What to do where storage is closed to us.
    opening: Sequence[str] = ()

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        if self.command:
            lines.append(f"if it is the one that you mean: {self.command}")
        return [*lines, *self.opening]


class DomainUnseen(Error):
    """
    No domain of this UUID or name was found, and not all could be looked at.

    The names of some domains could not be read, or some places could not be
    searched, so the domain may be there nevertheless. The message says which,
    and by which error. See them all with `list`.
    """

    code = 9612
    takes = ("domain", "unread")
    msg = 'No domain "{self.domain}" was found{self.beside}. {self.unread}'
    hints = ("see what this host can see: vdsm-backup-domain list",)

    #: What to do where storage is closed to us.
    opening: Sequence[str] = ()
    #: As of DomainNotFound.
    too_short: TooShort | None = None

    @property
    def beside(self) -> str:
        return self.too_short.words() if self.too_short else ""

    def hint_lines(self) -> list[str]:
        short = [self.too_short.hint()] if self.too_short else []
        return [*short, *self.opening, *super().hint_lines()]


class UnsupportedVersion(Error):
    """
    The storage domain is older than V4.

    The backup flag is supported on V4 and V5 domains. Upgrade the data
    center, and with it its domains, to a compatibility level of 4.1 or later.
    """

    code = 958
    takes = ("domain", "version")
    msg = (
        "Storage domain {self.domain} has version {self.version}, the backup"
        " flag needs version 4 or 5"
    )


class UnsupportedClass(Error):
    """
    The storage domain is not a data domain.

    ISO domains and export domains (CLASS=Backup, an older and other thing)
    cannot be flagged: no VM runs from them.
    """

    code = 959
    takes = ("domain", "domain_class")
    msg = (
        "Storage domain {self.domain} has class {self.domain_class}, only"
        " Data domains have a backup flag"
    )


class HostedEngineDomain(Error):
    """
    The domain holds the hosted engine's own VM.

    Flagging it would refuse the engine's next start, and with it the only
    way to clear the flag from the engine. Keep backups on another domain.
    """

    code = 960
    takes = ("domain",)
    refusal = True
    msg = (
        "Storage domain {self.domain} is the hosted-engine domain: flagging"
        " it would keep the engine from ever starting again"
    )
    hints = ("keep backups on another domain",)


class DomainDetached(Error):
    """
    The domain is not attached to a pool, so VDSM does not change it.

    The SPM of a pool may change the metadata of the domains of that pool. A
    domain that no pool has is changed by the command line tool on any host
    that sees it, under the domain's own lease.
    """

    code = 998
    takes = ("domain",)
    refusal = True
    msg = "Storage domain {self.domain} is not attached to a pool"
    hints = ("on a host: vdsm-backup-domain set {self.domain} --reason TEXT",)


# What is on storage, and what storage answers


class MetadataUnreadable(Unreadable):
    """
    The metadata of the domain cannot be read now.

    The storage gave an error, or the metadata did not appear within the
    timeout. This says nothing about the flag: the guard refuses, "not because
    it is flagged". Repair the storage connection, then try again.
    """

    code = 961
    takes = ("domain", "reason")
    msg = "Cannot read the metadata of {self.where}: {self.reason}"
    brief = "{self.reason}"
    hints = ("check the storage connection",)

    @property
    def where(self) -> str:
        """A domain, or where domains may be: a mount, or the devices."""
        if self.domain.startswith("/"):
            return f"storage domains at {self.domain}"
        return f"storage domain {self.domain}"

    @property
    def is_closed(self) -> bool:
        """Whether the storage is there, and closed to the user who reads."""
        return not self.said and "Permission denied" in self.reason

    def hint_lines(self) -> list[str]:
        if self.is_closed:
            return [
                "on the server: chown 36:36, mode 0755 of directories, 0644 of"
                " metadata, 0660 of ids and leases; and export it for writing"
            ]
        return super().hint_lines()


class MetadataMissing(Restorable, Unreadable):
    """
    The domain is there, but its metadata file is not.

    It stayed away for the whole timeout, while the files beside it were seen:
    a writer on NFS was killed between the two halves of a rename, or somebody
    removed it. VDSM cannot use the domain. Put a copy back with `restore`, on
    the host that changed it last.
    """

    code = 992
    takes = ("domain", "path")
    msg = "The metadata of storage domain {self.domain} is gone: {self.path}"
    brief = "its metadata is gone"


class StorageTimeout(Unreadable):
    """
    The storage did not answer in time.

    A mount or a LUN hangs. Nothing can be said about the domain. Repair the
    storage connection, or allow more time: [storage] io_timeout.
    """

    code = 962
    takes = ("what", "seconds")
    msg = "{self.what} did not answer within {self.seconds} seconds"
    brief = "no answer in {self.seconds} s"
    hints = (
        "check the storage connection, or allow more time in the"
        " configuration: [storage] io_timeout",
    )


class NotMetadata(Restorable, Untrustworthy):
    """
    What was read is not storage domain metadata.

    It is empty, is not text, is no regular file or far too large, or lacks
    VERSION or SDUUID, or its SDUUID is that of another domain. Compare with
    the copies on this host (`vdsm-backup-domain history SD`) and put one back
    with `vdsm-backup-domain restore SD`.
    """

    code = 963
    takes = ("domain", "reason")
    msg = "Storage domain {self.domain} has no valid metadata: {self.reason}"
    brief = "{self.reason}"


class SealBroken(Restorable, Untrustworthy):
    """
    The checksum of the metadata (_SHA_CKSUM, its seal) is wrong.

    Somebody edited the metadata by hand, or it is damaged. VDSM refuses such
    a domain too (its error 752). We change nothing here. Find out what
    changed (`show`, `history`), then put a good copy back with `restore`. If
    there is no copy and the other lines are as they should be, `reseal` gives
    them the right checksum.
    """

    code = 964
    takes = ("domain", "declared", "computed")
    msg = (
        "The metadata of storage domain {self.domain} was changed by hand or"
        " is damaged: its checksum (_SHA_CKSUM) is {self.declared}, computed"
        " {self.computed}"
    )
    brief = "its checksum is wrong"
    hints = (
        "if all other lines are right: vdsm-backup-domain reseal {self.domain}"
        " --reason TEXT",
    )


class SealMissing(Untrustworthy):
    """
    The metadata has no checksum (_SHA_CKSUM, its seal).

    VDSM trusts such metadata as it is; we read it with a warning and change
    nothing. Any change of the domain by VDSM (for example its description)
    seals it.
    """

    code = 965
    takes = ("domain",)
    msg = (
        "The metadata of storage domain {self.domain} has no checksum"
        " (_SHA_CKSUM)"
    )
    hints = (
        "any change of the domain in the engine gives it one, of its"
        " description for example",
        "without VDSM: vdsm-backup-domain reseal {self.domain} --reason TEXT",
    )


class InvalidFlag(Restorable, Untrustworthy):
    """
    The BACKUP key holds something else than True or False.

    The value is never guessed: the guard treats the flag as unreadable and
    refuses, and nothing is changed, since nobody knows what else is wrong.
    Put a good copy back with `restore`.
    """

    code = 966
    takes = ("domain", "value")
    msg = (
        "The backup flag of storage domain {self.domain} is {self.value!a},"
        " neither True nor False"
    )
    brief = "neither True nor False"


class DamagedMetadata(Restorable, Untrustworthy):
    """
    The metadata has lines that VDSM never writes.

    A key twice with two values, a line without "=", or a VG tag that cannot
    be decoded: another tool, or a write that was torn by somebody else. No
    one can say which value is meant, so nothing is changed. Put a good copy
    back with `restore`. If it is only the checksum that is there twice,
    `reseal` leaves the right one. `verify` also tells so of what can be read
    and would mislead: a key that looks like BACKUP, a flag of which only the
    reason is left, a POOL_UUID that is no UUID, sizes that sanlock does not
    have.
    """

    code = 967
    takes = ("domain", "problem")
    msg = (
        "The metadata of storage domain {self.domain} is damaged:"
        " {self.problem}"
    )
    brief = "{self.problem}"
    hints = (
        "if nothing but _SHA_CKSUM has several values: vdsm-backup-domain"
        " reseal {self.domain} --reason TEXT",
    )


class VolumeGroupUnsafe(Unreadable):
    """
    The volume group cannot be used safely.

    It is exported, partial, has missing or duplicate PVs (a replica beside
    its origin), or is not tagged as a storage domain. With duplicates LVM
    reads one of the two without saying which; writing could destroy one.
    """

    code = 968
    takes = ("vg", "reason")
    msg = "Volume group {self.vg} cannot be used: {self.reason}"
    brief = "{self.reason}"
    hints = (
        "make the VG whole, with one path to each PV and no replica beside it",
        "one LUN that is seen as two devices: name one of them in [lvm]"
        " devices",
    )

    #: Of the PVs that are here, with commas.
    devices: str = ""
    #: Where there are duplicates: the devices by which each can be seen.
    each: Sequence[str] = ("DEV",)

    @property
    def misses_pvs(self) -> bool:
        return "misses PVs" in self.reason

    def hint_lines(self) -> list[str]:
        if self.said:
            return super().hint_lines()
        limit = f" --devices {self.devices}" if self.devices else ""
        if "exported" in self.reason:
            return [
                "if no other host is to import it:"
                f" vgimport{limit} {self.vg}"
            ]
        if "foreign" in self.reason:
            owner = self.reason.split()[-1]
            known = (
                'global/system_id_source="lvmlocal"'
                f' local/system_id="{owner}"'
            )
            return [
                "a VG of VDSM has no system ID; if no other host uses it:"
                f" vgchange{limit} --yes --config '{known}' --systemid ''"
                f" {self.vg}"
            ]
        if "duplicate" in self.reason:
            show = [
                f"vdsm-backup-domain show --device {name}"
                for name in self.each
            ]
            return [
                "disconnect the one that you do not mean, the replica or its"
                f" origin; look at each: {'; '.join(show)}",
                super().hint_lines()[-1],
                "step by step: /usr/share/doc/vdsm-backup-domain/docs"
                "/bad-night.md, A replica beside its origin",
            ]
        if self.misses_pvs:
            return [
                "connect the LUNs that are missing, see: multipath -ll",
                "if they are connected, LVM may not take them: see"
                " vdsm-backup-domain list",
            ]
        return super().hint_lines()


class LeaseAreaUnusable(Error):
    """
    What sanlock has on the domain is missing, too short, empty or foreign.

    ids has the lockspace of the domain, leases its SDM lease. Without them
    VDSM cannot activate or attach the domain, and no flag can be set or
    cleared. The usual causes are a copy that left out or truncated these
    files, and a copy of another domain. Copy the file from the origin again.
    To make a new one, put the domain into maintenance on all hosts first, so
    that nobody has a lease: see `direct init` in sanlock(8). `verify` tells
    whether it is right then.
    """

    code = 9620
    takes = ("domain", "area", "problem")
    msg = (
        "{self.area} of storage domain {self.domain} cannot be used:"
        " {self.problem}"
    )
    hints = ("see: vdsm-backup-domain explain 9620",)


class AccessRefused(Error):
    """
    Files of the domain do not have the owner or the mode that VDSM needs.

    VDSM works as the user vdsm and the group kvm (36:36), and sanlock is in
    that group. They must be able to write in dom_md, to read metadata, and to
    read and write ids and leases. A new metadata file that has another owner
    than the old one is not put in its place. Where owners and modes are right,
    the mount may be read-only, or a file immutable.
    """

    code = 9621
    takes = ("domain", "path", "problem")
    msg = (
        "VDSM or sanlock cannot use {self.path} of storage domain"
        " {self.domain}: {self.problem}"
    )
    hints = (
        "on the server: chown 36:36 {self.domain}/{self.path}",
        "there the path is below the directory that is exported; modes: 0755"
        " of directories, 0644 of metadata, 0660 of ids and leases; the export"
        " must be writable",
    )

    #: The next steps, where the owner is right.
    way_out: Sequence[str] = ()

    def hint_lines(self) -> list[str]:
        if not self.said and self.path.startswith("/"):
            # It is that of the domain itself.
            lines = super().hint_lines()
            return [f"on the server: chown 36:36 {self.domain}", *lines[1:]]
        return [*self.way_out] or super().hint_lines()


class DomainRefused(Error):
    """
    VDSM would not find this domain, or would refuse it.

    Its directory or VG does not have the name or the parts that VDSM looks
    for, or its metadata has values that VDSM does not accept. Such a domain
    cannot be activated. The message says what it is.
    """

    code = 9622
    takes = ("domain", "problem")
    msg = "VDSM cannot use storage domain {self.domain}: {self.problem}"
    hints = (
        "compare it with a domain that works, or with its origin if it is a"
        " copy",
    )

    #: The next steps, where they are known.
    way_out: Sequence[str] = ()
    #: Whether nothing is left of it that could have a name.
    is_nameless: bool = False

    def hint_lines(self) -> list[str]:
        return [*self.way_out] or super().hint_lines()


class FlagLost(Error):
    """
    This host has set the flag, and the domain has none now.

    The history of this host has a copy that was kept when the flag was set,
    and nobody has cleared the flag since. Somebody has put older metadata
    back: by hand, or a host without the plugin that became SPM shortly after
    the change. Or the change did not succeed: it was undone, for example. Set
    the flag again, and clear it then if the domain is to have none.
    """

    code = 9623
    takes = ("domain", "time", "by", "number")
    msg = (
        "Storage domain {self.domain} has no flag, and {self.by} set one on"
        " this host at {self.time} (copy {self.number} in the history)"
    )
    hints = (
        "{self.when}set it again, and clear it then if it is to have none:"
        " vdsm-backup-domain set {self.domain} --reason TEXT",
    )

    #: Before the next step, if it cannot be taken now: when it can.
    when: str = ""


class ChangeWouldFail(Error):
    """
    The flag of this domain could not be changed now.

    The message says why: no space is left for the new metadata, for example,
    or a LUN or a mount is read-only. Nothing was tried.
    """

    code = 9624
    takes = ("domain", "problem")
    msg = (
        "The flag of storage domain {self.domain} cannot be changed:"
        " {self.problem}"
    )
    hints = ("repair that, then: vdsm-backup-domain verify {self.domain}",)

    #: The next steps, where they are known.
    way_out: Sequence[str] = ()

    def hint_lines(self) -> list[str]:
        return [*self.way_out, *super().hint_lines()]


class LvmFailed(Unreadable):
    """
    An LVM command failed. The message holds LVM's own words.

    Check the devices, and which of them are configured ([lvm] devices;
    multipath devices by default). The user vdsm runs LVM through sudo, which
    VDSM's installation allows. "Unrecognised option --devices" means that
    lvm2 is older than 2.03.12. A device that is not found or cannot be read is
    often one that has lost all its paths: `multipath -ll` shows them.
    """

    code = 969
    takes = ("command", "rc", "err")
    msg = (
        "lvm {self.command} failed with exit code {self.rc}:"
        " {self.err}{self.meaning}"
    )
    brief = "{self.err}{self.meaning}"
    hints = (
        "see what LVM says of the devices: pvs --all",
        "which of them are used, [lvm] devices: vdsm-backup-domain config"
        " --show",
    )

    #: Whether it may be of a device that the configuration names.
    is_configured: bool = True

    @property
    def meaning(self) -> str:
        """What LVM's own words about one device mean, if that is known."""
        if "device not found" in self.err:
            what = "it is not connected, or all its paths have failed"
        elif "Error reading device" in self.err or "open failed" in self.err:
            what = "all its paths may have failed"
        else:
            return ""
        return f" ({what}: multipath -ll)"

    def hint_lines(self) -> list[str]:
        if self.said or not self.meaning:
            return super().hint_lines()
        lines = ["see its paths: multipath -ll"]
        if not self.is_configured:
            return ["see the devices of this host: lsblk --paths", *lines]
        return [
            *lines,
            "if it is not to be here, take it out of [lvm] devices: see"
            " vdsm-backup-domain config --show",
        ]

    def __str__(self) -> str:
        if self.said or self.rc:
            return super().__str__()
        # It has ended well, and what it says is an error to us.
        return f"lvm {self.command}: {self.err}{self.meaning}"


class WriteFailed(Caused):
    """
    The change could not be written; the old metadata is intact.

    The message tells what failed, and why: no space, no permission, a
    read-only mount, an I/O error. Repair it and run the command again.
    Removing the files of other writers: metadata.new.* of another writer
    cannot be removed, and a host that was frozen could still put it in place
    of ours. Taking LVM's lock: another LVM command of this host, perhaps one
    that hangs, has it. Encoding: the metadata could not be read again as it
    was written.
    """

    code = 970
    takes = ("domain", "step", "reason")
    msg = (
        "Storage domain {self.domain} was not changed, {self.doing} failed:"
        " {self.reason}"
    )
    hints = ("repair the storage and run the command again",)

    #: The directory of the domain, for a shell, if it is a file domain.
    directory: str = ""

    @property
    def doing(self) -> str:
        return doing(self.step)

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        if self.said or not self.directory:
            return lines
        then = "then run the command again"
        dom_md = f"{self.directory}/dom_md"
        # Also root gets it for a file that is immutable.
        if "Operation not permitted" in self.reason and not self.causes:
            lines = [
                "see whether the file or its directory is immutable (chattr"
                f" +i), on the server if this is a share: lsattr -d {dom_md}"
                f" {dom_md}/metadata",
                f"if there is an i: chattr -i {dom_md} {dom_md}/metadata",
                then,
            ]
        if is_full(self.reason):
            lines = [
                "see what is full, blocks, inodes, or a quota: df -h"
                f" {dom_md}; df -i {dom_md}",
                f"make space, {then}",
            ]
        return lines


# Changing the flag


class InvalidReason(Error):
    """
    The reason cannot be stored.

    It must be one line of text without control characters, not empty, and
    short enough to fit a VG tag (1024 characters with the key, each character
    outside a-z A-Z 0-9 _ + . - / = ! : # needing its code in digits and 2).
    """

    code = 971
    takes = ("problem",)
    wrong_usage = True
    msg = "The reason cannot be stored: {self.problem}"


class DomainAttached(Overridable):
    """
    The domain is attached to a pool: only VDSM may change its metadata.

    VDSM keeps the metadata of attached domains in memory and would write the
    old state back. So the command asks VDSM to make the change, which VDSM
    can do on the SPM host of the pool, with the plugin. The message says why
    it could not be asked. Run the command on the SPM host; or detach the
    domain in the engine first; or, when the whole data center is lost, use
    --pool-is-gone.
    """

    #: Causes.
    NO_PLUGIN = "no-plugin"
    OTHER_POOL = "other-pool"

    code = 972
    takes = ("domain", "pool", "why")
    refusal = True
    msg = (
        "Storage domain {self.domain} is attached to pool {self.pool}: only"
        " VDSM on the SPM host may change it, and {self.why}"
    )
    hints = (
        "run the command on the SPM host, with the VDSM plugin",
        "or put the domain into maintenance and detach it in the engine first",
        "DANGEROUS, only where no host of that data center runs any more:"
        " {self.again} --pool-is-gone",
        "before that: /usr/share/doc/vdsm-backup-domain/docs/bad-night.md,"
        " The site is lost",
    )


class VdsmRunning(Error):
    """
    VDSM on this host may be using the domain.

    --pool-is-gone is for a site where no VDSM manages the domain any more. On
    this host VDSM runs, or it cannot be told that it does not: systemd says
    so, or gives no answer; VDSM's port is taken; a process of its pid files
    lives. VDSM could write an older state back. Stop vdsmd and supervdsmd.

    Or this host is in the domain's lockspace by a host id that VDSM has
    chosen: VDSM has left it there when it was stopped. sanlock leaves the
    lockspace when this host boots. Leaving it by hand would end what still
    has a lease of the domain, VMs of this host too.
    """

    code = 973
    takes = ("domain", "pool", "why")
    refusal = True
    msg = (
        "VDSM may run on this host, so pool {self.pool} of storage domain"
        " {self.domain} may not be gone: {self.why}"
    )
    hints = (
        "stop VDSM on this host: systemctl stop vdsmd supervdsmd",
        "a lockspace that VDSM has joined is left when this host boots, with"
        " vdsmd disabled; or run the command on another host",
    )


class DomainInUse(Overridable):
    """
    A VM, or a transfer, has an image of the domain open.

    The flag forbids running VMs from the domain, so it is not set while one
    does. On file domains the locks that qemu has on its images tell of VMs on
    all hosts; a qemu that has them switched off is not seen. Nor are VMs of
    other hosts on a block domain, or on Gluster by libgfapi: the engine's own
    check (the Backup box in Manage Domain) covers these. Stop or move what is
    listed. An image open for writing by qemu may also be a backup that is
    being uploaded: wait for it, or say --despite-open-images.
    """

    code = 975
    takes = ("domain", "users")
    refusal = True
    msg = "Storage domain {self.domain} is in use: {self.users}"
    hints = (
        "stop the VMs or move their disks to another domain",
        "DANGEROUS, only if what qemu holds open is a transfer and not a VM:"
        " {self.again} --despite-open-images",
    )


class MetadataChanged(Error):
    """
    The metadata changed between our first look and the write.

    Somebody else changed the domain meanwhile, or this host stood still for
    longer than its lease lasts, and another host came first. Nothing was
    written. Look at the new state and decide again.
    """

    code = 981
    takes = ("domain",)
    msg = "Storage domain {self.domain} changed meanwhile, nothing was written"
    hints = ("look again: vdsm-backup-domain show {self.domain}",)


class OutcomeUnknown(Error):
    """
    Nobody can say now whether the change is on storage.

    The write had begun when the storage stopped answering, and it cannot be
    read back; or the storage answered with an error (EIO, ETIMEDOUT) after
    which it may still carry the write out. The domain has the old or the new
    metadata, whole. When the storage answers again, `show` tells which of them
    is there, and `verify` whether it is sound. The writer process keeps its
    lease as long as it lives.
    """

    code = 982
    takes = ("domain", "reason")
    msg = (
        "The outcome for storage domain {self.domain} is unknown:"
        " {self.reason}"
    )
    hints = (
        "look when the storage answers again:"
        " vdsm-backup-domain show {self.domain}",
    )


class ChangedByOther(Error):
    """
    Somebody else changed the metadata while this change was made.

    The metadata is whole, and it is neither what was there before nor what
    this command wrote. What this command wrote may have been there for a
    moment. VDSM writes without the lease when it creates a pool, and when it
    detaches or formats a domain; a host without the plugin may have written
    its older state back. Nothing is damaged: look at what is there now, and
    run the command again if that is not what you want. If this happens again,
    put the domain into maintenance in the engine first.
    """

    code = 9610
    verb_code = 982
    takes = ("domain", "now")
    msg = (
        "Storage domain {self.domain} was changed by somebody else at the same"
        " time, and it is whole: {self.now}"
    )
    hints = (
        "look at what is there now: vdsm-backup-domain show {self.domain}",
        "if that is not what you want, run the command again",
    )


class NotAsAnswered(Error):
    """
    VDSM answered that the change was made, and storage says otherwise.

    The metadata was read after VDSM's answer. It is whole, and it does not
    have the flag that was asked for. Either VDSM did not write it, or somebody
    has changed it since: a host without the plugin writes the state that it
    has in memory. What is on storage counts. See what VDSM did in its log, on
    this host, and run the command again.
    """

    code = 9611
    takes = ("domain", "now")
    msg = (
        "VDSM answered that storage domain {self.domain} was changed, but"
        " storage says otherwise: {self.now}"
    )
    hints = (
        "look at what is there now: vdsm-backup-domain show {self.domain}",
        "see what VDSM did: /var/log/vdsm/vdsm.log of this host",
        "hosts without the plugin: vdsm-backup-domain doctor, on each host",
    )


class UndoFailed(Error):
    """
    A user of the domain appeared while the flag was set, and it stays set.

    The flag is set, the safe side, but what is listed runs from the domain.
    Stop or move it, or clear the flag.
    """

    code = 983
    takes = ("domain", "users", "reason")
    msg = (
        "Storage domain {self.domain} is flagged although it is in use"
        " ({self.users}): undoing it failed: {self.reason}"
    )
    hints = (
        "stop what uses it, or: vdsm-backup-domain clear {self.domain}"
        " --reason TEXT",
    )


class OutputFailed(Error):
    """
    The file that --output names cannot be written.

    What was there before is still there. Whoever watches it sees by
    vdsm_backup_last_run_seconds that it is old. A new file is put in the place
    of the old one, so that a reader never gets a half. Only a regular file is
    replaced: never a device, such as /dev/null, and never a link, such as
    /dev/stdout.
    """

    code = 9629
    takes = ("path", "reason")
    msg = "{self.path} cannot be written: {self.reason}"

    def hint_lines(self) -> list[str]:
        if self.said:
            return []
        if self.reason.startswith("it is "):
            # What regular_files.require_file() says of what is there.
            return [
                "name a regular file, or a new one; without --output the"
                " metrics are printed"
            ]
        directory, slash, _ = self.path.rpartition("/")
        return hints_of_place(directory or slash, self.reason) or [
            "name a file in a directory that exists"
        ]


class HistoryFailed(Error):
    """
    Copies of metadata on this host cannot be kept or read.

    A copy of the old metadata is kept before each change; where it cannot be
    kept nothing is changed. The vdsm user must be able to write in the history
    directory ([history] dir), and to enter each directory above it, which must
    not be full or read-only. A damaged copy is one that a crash or an editor
    has left: another one may help, of this host or of another.
    """

    code = 984
    takes = ("path", "reason")
    msg = "Copies cannot be kept or read in {self.path}: {self.reason}"
    hints = ("make it writable for the vdsm user, or set [history] dir",)

    def hint_lines(self) -> list[str]:
        if self.said or "Permission denied" in self.reason:
            return super().hint_lines()
        # What failed may not be there yet.
        above, _, name = self.path.rpartition("/")
        if self.reason.startswith(DAMAGED_COPY):
            sd_id = above.rpartition("/")[2]
            history = f"vdsm-backup-domain history {sd_id}"
            restore = f"vdsm-backup-domain restore {sd_id}"
            return [
                f"other copies of this host: {history}",
                f"put another one back: {restore} --from N",
                f"or one of another host; there: {history} --export N"
                f" >copy.json; here: {restore} --file copy.json",
            ]
        is_there = "directory" in self.reason or "exists" in self.reason
        place = self.path if is_there else above or "/"
        return hints_of_place(place, self.reason) or [
            f"see what is there: ls -la {place}"
        ]


class HistoryNotFound(Error):
    """
    This host has no such copy of the domain's metadata.

    Copies are kept on the host that made a change, before each change. `show`
    tells who changed the flag last, and on which host. There, `history --all`
    lists the copies, and `history SD --export N` prints one, which `restore SD
    --file FILE` takes here.
    """

    code = 985
    takes = ("domain", "number")
    msg = (
        "This host keeps no copy {self.number} of storage domain {self.domain}"
    )

    #: Whether this host keeps other copies of the domain.
    has_others: bool = False

    def hint_lines(self) -> list[str]:
        if self.has_others:
            history = f"vdsm-backup-domain history {self.domain}"
            return [f"copies on this host: {history}"]
        return [
            *elsewhere(self.domain),
            f"no host has one: {WITHOUT_A_COPY}",
        ]


class RestoreRefused(Error):
    """
    The kept copy is older than changes that are not ours.

    The metadata on storage is whole, and differs from the copy in keys that
    VDSM owns. Putting the copy back would undo VDSM's changes. Use `set` or
    `clear` to change the flag.
    """

    code = 986
    takes = ("domain", "number", "keys")
    refusal = True
    msg = (
        "Storage domain {self.domain} is whole and has changed since copy"
        " {self.number} in: {self.keys}"
    )
    hints = ("to change the flag use set or clear",)


class FlagWouldBeLost(Error):
    """
    The copy that would be put back has no flag, the domain may have one.

    Without --from the newest whole copy of this host is meant. The flag may
    have been set since, here or on another host, and metadata that is not
    whole (gone, cut, with a broken seal) does not tell. A domain must not
    lose its flag by a repair. Look at the copies on every host that may have
    changed the flag, with `history SD` and `history SD --show N`. Put the
    right one back there, by its number: `restore SD --from N`. If that one
    has no flag and the domain is a backup domain, `set` the flag again.
    """

    code = 993
    takes = ("domain", "number", "reason")
    refusal = True
    msg = (
        "Copy {self.number} would take the backup flag from storage domain"
        " {self.domain}: {self.reason}"
    )
    hints = (
        "see the copies, on every host that may have changed the flag:"
        " vdsm-backup-domain history {self.domain}",
        "what is in this one: vdsm-backup-domain history {self.domain} --show"
        " {self.number}",
        "if it is the right one: vdsm-backup-domain restore {self.domain}"
        " --from {self.number}",
        "if that copy has no flag, and the domain is to be a backup domain:"
        " vdsm-backup-domain set {self.domain} --reason TEXT",
    )


class FlaggedAlready(Overridable):
    """
    The domain is a backup domain already, for another reason.

    Somebody has set the flag, and may rely on the reason, which is shown to
    whoever is refused. Ask them; or give your reason instead, with --replace.
    """

    code = 9601
    takes = ("domain", "since", "by", "reason")
    refusal = True
    msg = (
        "Storage domain {self.domain} is a backup domain already, set"
        " {self.since} by {self.by}, and the reason is another one:"
        " {self.reason}"
    )
    hints = ("if yours is to replace it: {self.again} --replace",)


class ResealRefused(Error):
    """
    The metadata cannot be given a new checksum as it is.

    `reseal` keeps all lines and writes the right checksum (_SHA_CKSUM) for
    them. That makes no sense where the lines are no metadata of this domain,
    or where nobody can say which of two values is meant. Put a good copy back
    with `restore`. A host that has changed the domain keeps copies: there,
    `history --all` lists them and `history SD --export N` prints one, which
    `restore SD --file FILE` takes here.
    """

    code = 9602
    takes = ("domain", "reason")
    refusal = True
    msg = (
        "The metadata of storage domain {self.domain} cannot be given a new"
        " checksum: {self.reason}"
    )
    hints = (
        "copies kept on this host: vdsm-backup-domain history {self.domain}",
        "a copy of another host: there, vdsm-backup-domain history"
        " {self.domain} --export N >FILE; here, vdsm-backup-domain restore"
        " {self.domain} --file FILE",
    )


class CopyUnusable(Error):
    """
    The file is no copy that can be put back.

    `restore SD --file FILE` takes what `history SD --export N` has printed, on
    this host or on another one. The file must be whole, must be a regular
    file that not every user can write, and the metadata in it must be that of
    the same domain (SDUUID). Export the copy again.
    """

    code = 9603
    takes = ("path", "reason")
    msg = "{self.path} is no copy that can be put back: {self.reason}"
    hints = (
        "export it again, on the host that keeps it: vdsm-backup-domain"
        " history {self.sd_id} --export N >FILE",
    )

    #: UUID of the domain that it was to be for, if it is known.
    sd_id: str = "SD"


class FlagUndone(Error):
    """
    A user of the domain appeared while the flag was being set.

    The domain was free when we looked, and in use when the change was on
    storage; the old metadata was put back. A domain that was flagged before,
    and was to get another reason, is flagged as before. Stop or move what is
    listed and run the command again.
    """

    code = 989
    takes = ("domain", "users", "undone")
    refusal = True
    msg = (
        "Storage domain {self.domain} came into use while it was changed"
        " ({self.users}): {self.undone}"
    )
    hints = ("stop the VMs or move their disks to another domain",)


# The lease


class HostsLive(Overridable):
    """
    Other hosts use the domain's lockspace.

    sanlock sees host ids that are alive, or cannot tell yet that they are
    dead (this takes up to 140 seconds after a crash). Those hosts may hold
    the old metadata and write it back. The host id is the one that the
    engine shows in the host's general tab as SPM id. `reseal` is also refused
    while VDSM of this host has the domain active, since it may write what it
    has in memory: put the domain into maintenance in the engine.

    """

    # doubt: DOUBT, or "" if the hosts are known to be alive.
    DOUBT = "; whether they are alive was not known in time"

    code = 974
    option = "timeout"
    takes = ("domain", "hosts", "doubt")
    refusal = True
    msg = "Storage domain {self.domain} {self.use}{self.doubt}"
    hints = (
        "put those hosts, or the domain, into maintenance first",
        "a host id is the SPM ID that the engine shows in the General tab of"
        " the host",
    )

    @property
    def use(self) -> str:
        # What is said of this host is no list of host ids.
        if self.hosts.startswith("this host"):
            return f"is used by {self.hosts}"
        verb = "may be" if self.doubt else "is"
        return f"{verb} used by other hosts, host ids: {self.hosts}"

    def hint_lines(self) -> list[str]:
        lines = super().hint_lines()
        if not self.said and self.doubt:
            lines.insert(
                0,
                "a host that has crashed is known to be dead after 140 seconds"
                f" at most: {self.again} --timeout 180",
            )
        return lines


class LeaseBusy(Error):
    """
    The domain's SDM lease is held by somebody else.

    Another host, or another process of this host, is changing the domain
    right now. Nothing was touched. Wait until it has ended and try again.
    """

    code = 976
    takes = ("domain", "owner")
    refusal = True
    msg = (
        "The SDM lease of storage domain {self.domain} is held by {self.owner}"
    )
    hints = ("wait until its change has ended, then run the command again",)


class HostIdInUse(Error):
    """
    The host id we would join the lockspace with is in use by a live host.

    The message has the name by which sanlock of that host is known, which on
    a host of oVirt is its hardware UUID: the engine shows it in the host's
    general tab. 250 is the highest host id that the engine gives away, and
    also the one that VDSM uses for moments. Wait until the owner has left, or
    choose another id in the configuration of this host: [sanlock] host_id.

    If the name is this host's own, two hosts have one name, and sanlock takes
    one for the other: give each its own our_host_name in
    /etc/sanlock/sanlock.conf. If it is VDSM that joins with the host id, the
    engine has given one id to two hosts: put one of them into maintenance.
    """

    code = 977
    takes = ("domain", "host_id", "owner")
    refusal = True
    msg = (
        "Host id {self.host_id} of storage domain {self.domain} is in use by"
        " {self.owner}"
    )
    hints = (
        "wait until that host has left: there, sanlock client status shows"
        " its lockspaces",
        "or let this host join by another id: [sanlock] host_id",
        "if that is this host's own name: two hosts have one name, see"
        " our_host_name in /etc/sanlock/sanlock.conf of each",
    )


class SanlockFailed(Caused):
    """
    sanlock cannot be used, or failed.

    Without the sanlock daemon there is no lease, and without a lease nothing
    is written. Start it (systemctl start sanlock), or install the binding
    (python3-sanlock) for the Python that runs this command. Where the daemon
    runs, the cause is often in dom_md of the domain: ids or leases that are
    empty, zeroed, missing or of another domain (see 9620), files of another
    owner than 36:36, a mount that is read-only (see 9621). The message tells
    what was found of that.
    """

    code = 978
    takes = ("action", "reason")
    msg = "sanlock cannot {self.action}: {self.reason}"
    hints = (
        "check the daemon: systemctl status sanlock",
        "if it is not running: systemctl start sanlock",
    )

    def __str__(self) -> str:
        if self.said or not self.causes:
            return super().__str__()
        # Of a domain that is wrong sanlock says little, or what misleads.
        found = "; ".join(map(str, self.causes))
        return f"{found}; so {self.msg.format(self=self)}"


class RunDirFailed(SanlockFailed):
    """
    What this host has to remember of a change cannot be kept.

    Before this host joins the lockspace of a domain, or activates its LVs, it
    puts that on record in the run directory ([sanlock] run_dir), so that the
    next change can tidy up after a run that was killed. Where nothing can be
    put there, nothing is changed. Most often the file system is full, of
    blocks or of inodes, or read-only. The domain and sanlock are as they
    should be.
    """

    code = 9613
    verb_code = 978
    takes = ("path", "reason")
    msg = (
        "This host cannot keep in {self.path} ([sanlock] run_dir) what it"
        " needs for a change: {self.reason}"
    )

    def hint_lines(self) -> list[str]:
        if self.said:
            return []
        return hints_of_place(self.path, self.reason) or [
            f"see what is there: ls -la {self.path}"
        ]


class LeaseTimeout(Overridable):
    """
    The lease was not taken within the timeout; nothing was touched.

    Joining a lockspace takes 21 seconds, and up to 180 after a host crashed
    with our host id. Allow more time with --timeout. A host that lives and has
    our host id is usually found and named (977) before that; if the message
    says that we were joining, see who has the id, and choose another one:
    [sanlock] host_id.
    """

    code = 979
    takes = ("domain", "seconds", "step")
    msg = (
        "The SDM lease of storage domain {self.domain} was not taken within"
        " {self.seconds} seconds: {self.step}"
    )
    option = "timeout"
    hints = (
        "allow more time: {self.again} --timeout {self.longer}",
        "if it was joining: another host may have the host id; let this host"
        " join by another one: [sanlock] host_id",
    )

    @property
    def longer(self) -> int:
        """Seconds for the next try."""
        known = isinstance(self.seconds, (int, float))
        return max(180, 2 * int(self.seconds)) if known else 180


class LeaseLost(Error):
    """
    The lease was lost before the write began; nothing was changed.

    sanlock lost the storage, or the process that holds the lease was killed.
    """

    code = 980
    takes = ("domain",)
    msg = (
        "The SDM lease of storage domain {self.domain} was lost, nothing was"
        " changed"
    )
    hints = ("check sanlock's log, then run the command again",)


# The guard


class DomainFlagged(VmRefused):
    """
    A VM would run from a flagged domain.

    The domain keeps backups, and a VM that runs from a backup destroys it.
    Copy or move the disk to another domain and run the VM from there; all
    backup and restore flows (upload, download, copy, move, import, register)
    go through. If this one VM has to run nevertheless, root can permit it on
    this host for a time: `vdsm-backup-domain permit`. With [guard] mode =
    permissive a host only logs what it would refuse.
    """

    code = 994
    takes = ("vm", "verb", "disk", "title", "since", "by", "reason")
    refusal = True
    msg = (
        "{self.vm} cannot {self.verb}: {self.disk} {self.be} on backup domain"
        " {self.title}, set {self.since} by {self.by}: {self.reason}"
    )
    msg_lifted = (
        "{self.vm} may {self.verb}, though {self.disk} {self.be} on backup"
        " domain {self.title}, set {self.since} by {self.by}: {self.reason}"
    )
    hints = ("copy or move the disk to another domain and use it there",)


class FlagUnknown(VmRefused):
    """
    The flag of a domain that a VM needs cannot be read.

    The domain may be flagged or not; a VM that must not run from a backup is
    refused until the flag can be read. The message ends with the reason, an
    error of its own. Repair the storage. If this one VM has to run
    nevertheless, root can permit it on this host for a time:
    `vdsm-backup-domain permit`. Or let all such VMs start, flagged or not:
    [guard] on_unreadable = allow.
    """

    code = 995
    takes = ("vm", "verb", "disk", "title", "cause", "reason")
    refusal = True
    msg = (
        "{self.vm} cannot {self.verb}, not because it is flagged: {self.disk}"
        " {self.be} on {self.where}, whose backup flag cannot be read (error"
        " {self.cause}: {self.reason})"
    )
    msg_lifted = (
        "{self.vm} may {self.verb}, though {self.disk} {self.be} on"
        " {self.where}, whose backup flag cannot be read (error {self.cause}:"
        " {self.reason})"
    )
    hints = (
        "{self.what_next}",
        "see: vdsm-backup-domain explain {self.cause}",
    )

    #: The reason in few words.
    short_reason: str = ""

    @property
    def where(self) -> str:
        """A domain; or a mount or a LUN, of which the domain is not known."""
        return f"domain {self.title}" if self.sd_id else self.title

    @property
    def what_next(self) -> str:
        """A command; of a mount or a LUN, of which there is none, its name."""
        if not self.sd_id:
            return f"repair the storage: {self.title}"
        return f"see what is wrong: vdsm-backup-domain verify {self.sd_id}"


class FormatRefused(Lifted):
    """
    VDSM was to format a flagged domain.

    Formatting a storage domain removes all that is on it: here, the backups.
    In the engine it is what "Remove" does with "Format Domain" ticked. If the
    backups are to go, clear the flag first. To take the domain out of the
    engine and keep what is on it, remove it without formatting it. A domain
    whose flag cannot be read may be formatted. Whoever called the verb of VDSM
    gets code 352, which the engine knows.
    """

    code = 9605
    takes = ("title", "since", "by", "reason")
    refusal = True
    msg = (
        "Storage domain {self.title} cannot be formatted, it is a backup"
        " domain, set {self.since} by {self.by}: {self.reason}"
    )
    msg_lifted = (
        "Storage domain {self.title} may be formatted, though it is a backup"
        " domain, set {self.since} by {self.by}: {self.reason}"
    )
    hints = (
        "if the backups are to go, clear the flag first: vdsm-backup-domain"
        " clear {self.sd} --reason TEXT",
        "to keep them, remove the domain from the engine without formatting",
    )

    #: As that of DomainFlagged.
    sd_id: str = ""

    @property
    def sd(self) -> str:
        return self.sd_id or "SD"


class PermitUnusable(Error):
    """
    A permit of a VM is there, and lifts nothing.

    The message says why: it has expired, this host has booted since, or it is
    not as `vdsm-backup-domain permit` makes it. Its file and the directory
    must belong to root, and nobody else may write there. The VM is refused as
    if there were no permit.
    """

    code = 9606
    takes = ("vm_id", "path", "reason")
    msg = (
        "The permit of VM {self.vm_id} lifts nothing: {self.path}:"
        " {self.reason}"
    )
    hints = (
        "take it away: vdsm-backup-domain permit --vm {self.vm_id} --revoke",
        "if the VM must go on, make another one: vdsm-backup-domain permit"
        " --vm {self.vm_id} --for 2h --reason TEXT",
    )


class PermitFailed(Error):
    """
    A permit cannot be made, removed or listed.

    The directory ([guard] permits) must belong to root, and nobody else may
    write there. Only root can make or remove one: see 9608.
    """

    code = 9607
    takes = ("action", "path", "reason")
    msg = "No permit can be {self.action}: {self.path}: {self.reason}"

    def hint_lines(self) -> list[str]:
        if self.said:
            return []
        directory = self.path
        if directory.endswith(".json"):
            directory = directory.rpartition("/")[0]
        if "Permission denied" not in self.reason:
            of_place = hints_of_place(directory, self.reason)
            if of_place:
                return of_place
        return [
            "the directory must be root's, and nobody else may write there:"
            f" ls -ld {directory}"
        ]


class VmUnclear(Lifted):
    """
    What a VM uses cannot be told.

    The description of the VM, that VDSM or libvirt gives to a hook, is
    missing, too large or not what it should be. Nobody can say then whether
    the VM would run from a flagged domain.
    """

    code = 996
    takes = ("why",)
    refusal = True
    msg = "Cannot tell what the VM uses, not because it is flagged: {self.why}"
    msg_lifted = "Cannot tell what the VM uses: {self.why}"
    hints = ("{self.what_next}",)

    #: The next step, where a hook was given the description.
    what_next: str = "look at the log of VDSM or libvirt of the same moment"


# The bridge between the engine and the hosts


class BridgeState(Error):
    """
    The file with what the bridge remembers cannot be used.

    It is state.json in /var/lib/vdsm-backup/bridge. The directory must exist
    and belong to the user that the bridge runs as, and the disk must not be
    full. A file that can be read and makes no sense is no error: it is set
    aside, and the bridge sees each domain as if for the first time.
    """

    code = 9680
    takes = ("path", "reason")
    msg = "The state of the bridge cannot be used: {self.path}: {self.reason}"

    def hint_lines(self) -> list[str]:
        if self.said:
            return []
        directory = self.path.rpartition("/")[0]
        if "Permission denied" in self.reason:
            import shlex

            where = shlex.quote(directory or ".")
            return [
                "the user that the bridge runs as must own the directory and"
                f" all files in it: ls -la {where}"
            ]
        return hints_of_place(directory, self.reason)


class BridgeRuns(Error):
    """
    Another bridge on this machine has the same state.

    Two bridges with states of their own may run for one engine. With one state
    they would overwrite what each has done. Nothing was done.
    """

    code = 9681
    takes = ("path",)
    msg = "Another bridge is running with the state {self.path}"
    hints = ("see: systemctl status vdsm-backup-domain-bridge",)


class EngineUnreachable(Error):
    """
    The engine does not answer, or not as an engine does.

    The message has the words of the SDK: no such host, connection refused, a
    certificate of another CA, or no answer within the timeout. Or it says what
    is wrong with the answer: it is no XML (an error page of a proxy, say), or
    lacks what every engine has in it, such as the UUID of a domain. Nothing is
    lost: the bridge goes on from the last event that it knows.
    """

    code = 9682
    takes = ("url", "reason")
    msg = "The engine does not answer: {self.url}: {self.reason}"
    hints = (
        "try it from this machine: curl --cacert CA_FILE"
        " {self.url}/../services/health",
        "see what its API answers: curl --cacert CA_FILE --user USER"
        " -H 'Accept: application/xml' {self.url}",
    )


class EngineLogin(Error):
    """
    The engine does not let the bridge in.

    The user or the password is wrong, the account is locked or has expired, or
    its role does not allow what was asked. The bridge tries again less and
    less often, as the engine locks accounts after some failures.
    """

    code = 9683
    takes = ("url", "reason")
    msg = "The engine refuses the bridge: {self.url}: {self.reason}"
    hints = (
        "see the account: ovirt-aaa-jdbc-tool user show USER (with Keycloak,"
        " see there)",
    )


class EngineRefused(Error):
    """
    The engine refuses what was asked of it.

    The message has its words, and the status of HTTP: 404 means that there is
    no such domain or host any more, 409 that it is not possible now: a VM runs
    on the domain, or the domain is locked.
    """

    code = 9684
    takes = ("action", "status", "reason")
    msg = "The engine does not {self.action} ({self.status}): {self.reason}"


class HostUnreachable(Error):
    """
    The bridge cannot reach a host by ssh.

    The message has the words of ssh: no route, refused, or no answer within
    the timeout. "Permission denied": the host does not know the key of the
    bridge. "Host key verification failed": the host has another key than the
    engine knows. The bridge tries again less and less often.
    """

    code = 9687
    takes = ("host", "reason")
    msg = "Host {self.host} cannot be reached: {self.reason}"


class HostKeyUnknown(Error):
    """
    The bridge does not know by what to recognize a host.

    It takes the key or the fingerprint that the engine has of the host. An
    engine has no key of a host that was added before 4.4; "Reinstall" of the
    host in the engine stores it. What answers at the address is not trusted
    without that.
    """

    code = 9688
    takes = ("host", "reason")
    msg = "The ssh key of host {self.host} is not known: {self.reason}"


class HostAnswer(Error):
    """
    A host does not answer as one with our agent does.

    Most often vdsm-backup-domain is not installed there, or the bridge's key
    runs another command: see authorized_keys of the host. If .bashrc of the
    user prints something, that comes before the answer: let it print only
    where a terminal is.
    """

    code = 9689
    takes = ("host", "reason")
    msg = "Host {self.host} has no answer for a bridge: {self.reason}"


class BridgeRequest(Error):
    """
    A host does not understand what a bridge wants.

    The program behind the bridge's key knows four verbs, one UUID, and two
    texts, and refuses all else. Somebody may have the key who is no bridge:
    the journal of the host has the address. Nothing was done.
    """

    code = 9685
    takes = ("reason",)
    refusal = True
    msg = "The request of the bridge is refused: {self.reason}"


class BridgeNotAllowed(Error):
    """
    The configuration of a host does not let a bridge do this.

    By default, a bridge may list and show domains and set a flag. Whether it
    may clear one is for each host to say, since it is the bridge whose key can
    be stolen. Nothing was done.
    """

    code = 9686
    takes = ("action", "option")
    refusal = True
    msg = "A bridge may not {self.action} on this host: {self.option}"
    hints = ("see the options and defaults: man 5 vdsm-backup.conf",)


class BridgeConfig(Error):
    """
    The bridge cannot use its configuration.

    The message names the file, /etc/vdsm-backup/bridge.conf if no other was
    given, or the file with the password. The bridge has a configuration of its
    own, beside that of a host.
    """

    code = 9690
    takes = ("path", "reason")
    msg = "The configuration of the bridge: {self.path}: {self.reason}"
    hints = (
        "options and defaults are in /usr/share/doc/vdsm-backup-domain/docs"
        "/bridge.md",
    )


class BridgeNotRun(Error):
    """
    No bridge has looked at the engine on this machine yet.

    `status` shows what the service has seen last. Start the service, or look
    once without changing anything. One that has just started has something to
    show after its first look, which takes some seconds.
    """

    code = 9691
    takes = ("path", "reason")
    msg = "There is nothing to show of a bridge: {self.path}: {self.reason}"
    hints = (
        "if it has just started, in some seconds there is: systemctl status"
        " vdsm-backup-domain-bridge",
        "or look once: vdsm-backup-domain-bridge --once --dry-run",
    )


# Our own configuration, limits and faults


class ConfigInvalid(Error):
    """
    The configuration cannot be used.

    An option is unknown, its value makes no sense, or a file or directory of
    the configuration is there and cannot be read; the message names the file.
    Mend it; another configuration can be given with --config. A file that
    only user vdsm cannot read stops the hooks and VDSM, too: they refuse
    every VM until it is mended. They do not read the sections [history],
    [vdsm] and [bridge]: a wrong option there stops the command, changes of the
    flag and a bridge, and refuses no VM.
    """

    code = 987
    takes = ("path", "option", "reason")
    msg = "Configuration {self.where}: {self.reason}"
    hints = ("see the options and defaults: man 5 vdsm-backup.conf",)

    @property
    def where(self) -> str:
        if self.option == "file":
            return f"{self.path}"
        return f"{self.path}, {self.option}"


class InvalidTag(Error):
    """
    A metadata line does not fit a VG tag.

    Our own tags are limited to 1024 characters, the limit of older LVM. The
    line is not shortened, and nothing is written.
    """

    code = 988
    takes = ("key", "length")
    msg = (
        "Metadata key {self.key} needs a tag of {self.length} characters,"
        " 1024 fit"
    )


class WrongUsage(Error):
    """
    The command was not understood.

    Arguments are missing, unknown or exclude each other. Nothing was done.
    """

    code = 990
    takes = ("problem", "program")
    wrong_usage = True
    msg = "Wrong usage of {self.program}: {self.problem}"
    hints = ("see: {self.program} --help",)


class NeedsRoot(Error):
    """
    This takes root, or where it only reads, the user of storage.

    A change of a domain needs root, who takes the lease and runs LVM. The
    history of this host, block devices, and files that are closed to others
    can be read by root and by the user of storage, [storage] user, only. A
    permit is made by root alone. Nothing was tried. What a plain user can see
    is shown beside this error. The agent of a bridge needs root for all that
    it does; where the bridge's key lets in another user, see
    /usr/share/doc/vdsm-backup-domain/docs/bridge.md, A user who is not root.
    """

    code = 9608
    takes = ("command",)
    msg = "This needs root: sudo {self.command}"


class InvalidArgument(Error):
    """
    An argument of a verb of VDSM's API makes no sense.

    `backup` and `expected` of StorageDomain.setBackup are true or false; as
    strings, which VDSM's command line client sends, "true" or "false". `by`
    is one line that is printable and fits a VG tag.
    """

    code = 997
    takes = ("argument", "problem")
    wrong_usage = True
    msg = "Invalid argument {self.argument}: {self.problem}"


class Interrupted(Error):
    """
    The command was interrupted, by Ctrl-C, SIGTERM or SIGHUP.

    The exit code is that of the signal: 130, 143 or 129. The message says what
    that means for the domain: nothing was changed; or the change was made
    before; or the outcome is unknown, as with error 982, since the write was
    on its way. Look then with `show` what the domain has now. The lease is
    given back by a process that Ctrl-C does not end.
    """

    code = 991
    takes = ("state",)
    msg = "Interrupted{self.state}"

    #: The signal: SIGINT, SIGTERM or SIGHUP, which comes if ssh ends.
    number: int = 2
    #: The next step. "": there is none.
    next_step: str = ""

    def hint_lines(self) -> list[str]:
        return [self.next_step] if self.next_step else []


class InternalError(Error):
    """
    A fault of ours: please report it with the trace that --debug prints.

    No change is claimed to have been made; look with `show`.
    """

    code = 999
    takes = ("kind", "text")
    msg = "Unexpected {self.kind}: {self.text}"
    hints = (
        "please report it; what the domains have now: vdsm-backup-domain list",
    )
