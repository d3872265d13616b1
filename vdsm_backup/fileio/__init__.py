# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O that may hang for ever, done in another process.

    base.py            FileIO: the calls, and what both backends share
    choose.py          which backend a mount gets
    ioprocess.py       `installed`: VDSM's ioprocess, which every VDSM host has
    worker_client.py   `embedded`: a worker of our own, where ioprocess is not
    worker.py          the process of `embedded`

One FileIO is one child process for one mount. It does one call at a time;
threads that share it wait for each other. The two backends keep one contract.
Like all that a hook imports, the modules import no `typing` at run time (see
the package `processes`).

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
- The child has our effective user and group.

What callers may not count on
-----------------------------

- `listdir` has no order. Through ioprocess 1.4 an I/O error in the middle of
  a directory ends the list without a word. So a name that is not in the list
  is no proof that there is no such file; `lstat` is.
- `readfile` and `writefile` follow symbolic links, and wait for a reader or
  writer of a FIFO: call `lstat` before reading. `writefile` truncates what is
  there: to make a new file, call `touch` with O_EXCL and O_NOFOLLOW first.
- Direct I/O with a length that does not suit the storage is EINVAL on some
  file systems, after the file was truncated.
- Times in StatResult are whole seconds.
"""
