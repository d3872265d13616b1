# SPDX-License-Identifier: GPL-2.0-or-later
"""
Each row of the table of docs/bridge.md through the whole: the stand-in engine
by the real SDK, a real sshd, the real agent, and the real command line.

What decides is tested by itself (tests/unit/bridge/decide). Here each row is
reached by what people do, and judged by what is on storage, what box the
engine has, and what people were told.
"""
