# SPDX-License-Identifier: GPL-2.0-or-later
"""
From the box in the engine to the flag of a domain that is attached: a bridge,
ssh, the agent, the command line, VDSM's verb on the SPM, storage. The engine
is a stand-in, as in tests/integration/bridge_rows; all else is as on a host.
"""
