# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O that may hang for ever, done in another process.

    base.py            FileIO: the calls, and what both backends share
    choose.py          which backend a mount gets
    ioprocess.py       `installed`: VDSM's ioprocess, which every VDSM host has
    worker_client.py   `embedded`: a worker of our own, where ioprocess is not
    worker.py          the process of `embedded`
    root_too.py        another such process, for what is closed to its user
    reader_client.py   `embedded`, only to read: all mounts by the companion
    reader.py          what the companion does (see the package `processes`)
    calls.py           what our own processes do to storage

One FileIO is one child process for one mount; those that only read share the
companion, where choose.start_reader() was called. A FileIO does one call at a
time; threads that share it wait for each other. All backends keep one
contract, in which the companion has a section of its own. Like all that a hook
imports, the modules import no `typing` at run time (see the package
`processes`).

What callers may count on
-------------------------

- Paths are absolute. A path that the backend cannot name is EILSEQ.
- An error of the call is an OSError, of the subclass of its errno, with the
  path.
- A call that takes longer than the timeout raises Timeout. After that every
  call raises Timeout at once: a stuck mount stays stuck, and one stuck
  process for a mount is enough.
- A child that ended by itself, and a call that was interrupted (Ctrl-C),
  make this call and every later one raise Closed. We start no second child.
  ioprocess by itself does start one, and that may still run a request that
  was queued.
- After Timeout or Closed in a call that changes something, the change may
  happen now, or later, or not at all. Only reading back tells.
- `close` never waits, and neither does the end of this process. If another
  thread is in a call at that moment, its call ends with Closed or Timeout.
- A call that changes something is never killed, whatever happens here: not by
  a timeout, not by `close`, not when this process dies. The child finishes
  the call, then ends. The reason: a rename on NFS is two steps on the server,
  and a request that has left for a server is carried out also when its sender
  was killed.
- The child inherits file descriptor 1 and has it open until the child ends.
  So what descriptor 1 is (in the writer it is the lease) stays open, also
  after this process has ended, until the child has finished its request.
- The child has our effective user and group, also as its real and saved ones,
  and no capability. That of `embedded` can get no privileges by what it runs,
  and is in no other group.
- Links are followed up to the base of a FileIO, its mount or a directory that
  the user has named. Below it no symbolic link is followed, and nothing is
  opened but regular files and directories: ELOOP, ENXIO.
- `touch` makes a file, and opens none that exists. `writefile` makes none. It
  writes into the file that `touch` has made, or, under another name, into a
  file that has one name only (EMLINK).
- A file, or a directory, that is far larger than any of ours is EFBIG, before
  it takes our memory.

The companion
-------------

- It does the calls that change nothing: lstat, listdir, readfile. Any other
  one is ValueError.
- Its FileIOs do not wait for each other. A call that never comes back costs a
  thread of the child. It is Timeout for its own FileIO, and no other one hears
  of it, also if that is of the same mount.
- A call that meets what nobody has thought of is InternalError, and ends no
  other one.
- The child ends with our process, and all of its calls with it, unless the
  kernel keeps one. It is not killed by a timeout. If it is killed, all of its
  FileIOs raise Closed; or Timeout, where the kernel keeps it.
- Of our open files it has none, descriptor 1 included.
- A base and a path that have more than some 4,000 bytes together are
  ENAMETOOLONG.

What callers may not count on
-----------------------------

- `listdir` has no order. Through ioprocess 1.4 an I/O error in the middle of
  a directory ends the list without a word. So a name that is not in the list
  is no proof that there is no such file; `lstat` is.
- `installed` opens by name, and follows links. It can only look, with lstat,
  right before it does so. Somebody who swaps a link in between that look and
  the call, in less than a millisecond, can still make it read or write what
  the user vdsm may. `embedded` has no such gap: it looks at what it has opened
  (calls.py). `installed` also lists a directory whole, if its size does not
  give away how large it is.
- Direct I/O with a length that does not suit the storage is EINVAL on some
  file systems, after the file was truncated.
- Times in StatResult are whole seconds.
"""
