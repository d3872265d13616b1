# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import threading

import pytest

from vdsm_backup import errors
from vdsm_backup.processes.channel import Channel, Timeout, receive_fd


@pytest.fixture
def pair():
    a, b = socket.socketpair()
    with a, b:
        yield Channel(a), Channel(b)


def test_values_cross(pair):
    values = [{"a": "\ud800\n"}, [1, None], "x" * 300_000]
    for value in values:
        sender = threading.Thread(target=pair[0].send, args=(value,))
        sender.start()
        assert pair[1].receive(10) == value
        sender.join()


def test_two_in_one_packet(pair):
    pair[0].send(1)
    pair[0].send(2)
    assert [pair[1].receive(1), pair[1].receive(1)] == [1, 2]


def test_silence(pair):
    with pytest.raises(Timeout):
        pair[1].receive(0.05)


def test_other_side_gone(pair):
    pair[0].close()
    assert pair[1].receive() is None
    with pytest.raises(OSError):
        pair[1].send(1)
        pair[1].send(1)


def test_half_a_line_is_nothing(pair):
    pair[0]._sock.sendall(b'{"go"')
    pair[0].close()
    assert pair[1].receive() is None


def test_a_file_that_came_is_inherited_by_nobody():
    ours, theirs = socket.socketpair()
    with ours, theirs, open(os.devnull) as f:
        socket.send_fds(theirs, [b"\0"], [f.fileno()])
        fd = receive_fd(ours)
        try:
            assert os.path.sameopenfile(fd, f.fileno())
            assert not os.get_inheritable(fd)
        finally:
            os.close(fd)


def test_errors_cross():
    original = errors.LeaseBusy("sd", "host id 3")
    again = errors.from_fields(**errors.to_fields(original))
    assert type(again) is errors.LeaseBusy
    assert str(again) == str(original)


def test_faults_cross_as_ours():
    again = errors.from_fields(**errors.to_fields(KeyError("x")))
    assert isinstance(again, errors.InternalError)
    assert "KeyError" in str(again)
