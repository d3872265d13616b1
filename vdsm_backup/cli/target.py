# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain the user means: SD, --path, --device."""

from vdsm_backup import errors
from vdsm_backup.storage import discovery
from vdsm_backup.text import is_uuid, printable


def plain(sd):
    """UUIDs are the same in upper case; names are not."""
    uuid = sd.lower()
    return uuid if is_uuid(uuid) else sd


def by_sd(sd, options, patient=False):
    """
    (storage, failures) by UUID or name; as Discovery.find().
    """
    return discovery.Discovery(options).find(plain(sd), patient)


def uuid_of(sd, options):
    """
    The UUID, also of a domain that is gone; a name needs the domain.
    """
    sd = plain(sd)
    if is_uuid(sd):
        return sd
    return by_sd(sd, options)[0].sd_id


def elsewhere(args, options):
    """Storages at --path or --device, None if neither was given."""
    places = discovery.Discovery(options)
    if args.path:
        return places.at_path(args.path)
    if args.device:
        return places.at_device(args.device)
    return None


def select(storages, sds, args):
    """
    Those that any SD means of what was found elsewhere.

    Raises DomainNotFound for an SD that means none, and what reading raises
    if an SD is a name.
    """
    found = []
    for sd in map(plain, sds):
        meant = [s for s in storages if _is(s, sd)]
        if not meant:
            what = f"{printable(sd)} in {_where(args)}"
            raise errors.DomainNotFound(what)
        found += [s for s in meant if s not in found]
    return found


def one(args, options):
    """
    (storage, failures) of the one domain that is meant.
    """
    found = elsewhere(args, options)
    if found is None:
        return by_sd(args.sd, options)
    if args.sd:
        found = select(found, [args.sd], args)
    if len(found) > 1:
        ids = ", ".join(storage.sd_id for storage in found)
        raise errors.AmbiguousDomain(f"The domain in {_where(args)}", ids)
    return found[0], []


def _is(storage, sd):
    if is_uuid(sd):
        return storage.sd_id == sd
    return discovery.name_of(storage) == sd


def _where(args):
    return printable(args.path or args.device)
