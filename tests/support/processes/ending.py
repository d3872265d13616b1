# SPDX-License-Identifier: GPL-2.0-or-later
"""
A child that says a word when it is there, waits for one, and ends. Arguments:
the descriptor of a socket, and how: return, exit [CODE], say, or raise.
"""

import socket
import sys


def main(args):
    fd, how, *code = args
    with socket.socket(fileno=int(fd)) as sock:
        sock.send(b"x")
        sock.recv(1)
    if how == "exit":
        sys.exit(*map(int, code))
    if how == "say":
        sys.exit("a text")
    if how == "raise":
        raise ValueError
