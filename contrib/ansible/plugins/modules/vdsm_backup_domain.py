#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
An Ansible module: the backup flag of one storage domain, set or cleared by
the command vdsm-backup-domain of the host. The command decides what is done;
in check mode it is asked by --dry-run.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: vdsm_backup_domain
short_description: Set or clear the backup flag of an oVirt storage domain
description:
  - Sets or clears the flag in the metadata of the storage domain, by the
    command C(vdsm-backup-domain) of the host that the task runs on.
  - The flag is on the storage, not on the host. Of all hosts that see the
    domain one has to run the task. A domain that is attached to a data center
    can be changed on the SPM host only, error 972 says which one that is.
requirements:
  - The package vdsm-backup-domain on the host, and root.
options:
  domain:
    description:
      - The storage domain, by its UUID, its name, or what else the command
        takes as SD.
    type: str
    required: true
  backup:
    description:
      - Whether it shall be a backup domain.
    type: bool
    required: true
  reason:
    description:
      - Why, in one line. It is kept on the storage.
      - The reason of a flag that is set counts as well. With another reason
        the task fails with error 9601, unless O(replace=true).
      - A domain that has no flag is left alone by O(backup=false), whatever
        the reason.
    type: str
    required: true
  replace:
    description:
      - Replace the reason of a flag that is set already.
    type: bool
    default: false
attributes:
  check_mode:
    description:
      - The command is asked by C(--dry-run). It takes no lease then, so a
        change may still be refused later.
    support: full
  diff_mode:
    description: Flag and reason, before and after.
    support: full
author:
  - The authors of vdsm-backup-domain
"""

EXAMPLES = """
- name: Flag the domain that the nightly copies go to
  vdsm_backup_domain:
    domain: backups-nfs
    backup: true
    reason: nightly copies of site A

- name: Use it for VMs again
  vdsm_backup_domain:
    domain: 37c67dc4-bbba-461d-9631-a326c5b7a0ed
    backup: false
    reason: copies moved to tape
"""

RETURN = """
domain:
  description:
    - The domain as it is afterwards, or would be in check mode. DOMAIN of
      /usr/share/doc/vdsm-backup-domain/docs/json.md.
  returned: success
  type: dict
notes:
  description: What the command says besides, such as what it cannot see.
  returned: success
  type: list
  elements: str
error:
  description:
    - C(code), C(name), C(message), C(hints). ERROR of
      /usr/share/doc/vdsm-backup-domain/docs/json.md.
  returned: if the command has refused, or failed, or a signal has ended it
  type: dict
exit_code:
  description:
    - That of the command. 129, 130 and 143 are those of signals, such as the
      129 of a connection that was lost; then C(error) says whether the domain
      was changed.
  returned: if the command has not ended with 0
  type: int
"""

COMMAND = "vdsm-backup-domain"
CHANGES = ("set", "clear")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "backup": {"type": "bool", "required": True},
            "reason": {"type": "str", "required": True},
            "replace": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    before = run(module, "show", wanted["domain"])["domain"]
    if is_so(before, wanted):
        module.exit_json(changed=False, domain=before, notes=[])
    action = "set" if wanted["backup"] else "clear"
    # An option and its value are one argument: the reason may begin with "-".
    arguments = [f"--reason={wanted['reason']}"]
    if wanted["replace"] and wanted["backup"]:
        arguments.append("--replace")
    if module.check_mode:
        arguments.append("--dry-run")
    # By its UUID: the name could mean another domain by now.
    done = run(module, action, before["id"], *arguments)
    module.exit_json(
        changed=done["changed"],
        domain=done["domain"],
        notes=done["notes"],
        diff={"before": shown(before), "after": shown(done["domain"])},
    )


def is_so(domain: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether there is nothing to change; never if the flag is unknown."""
    if domain["flag"] is not wanted["backup"]:
        return False
    return not wanted["backup"] or domain["reason"] == wanted["reason"]


def shown(domain: dict[str, Any]) -> dict[str, Any]:
    """What a change of the flag changes, for the diff."""
    return {"backup": domain["flag"], "reason": domain["reason"]}


def run(module: AnsibleModule, *arguments: str) -> dict[str, Any]:
    """
    What a command prints. Ends the module where it refuses or fails, with
    its code, message and hints.
    """
    program = module.get_bin_path(COMMAND)
    if program is None:
        module.fail_json(
            msg=f"{COMMAND} is not on this host: install the package"
            " vdsm-backup-domain, or run the task on a host that has it"
        )
    # An argument that begins with "-" is none of our options.
    command, sd, *options = arguments
    code, out, err = module.run_command(
        [program, "--json", command, *options, "--", sd]
    )
    try:
        answer = json.loads(out)
    except ValueError:
        # run_command() has the number of a signal as -1, -2 and so on.
        end = f"exit code {code}" if code >= 0 else f"signal {-code}"
        look = ""
        if command in CHANGES and "--dry-run" not in options:
            look = f"; what the domain has now: {COMMAND} show {sd}"
        module.fail_json(
            msg=f"{COMMAND} {command} has ended with {end} and"
            f" without an answer: {err.strip() or out.strip() or 'no output'}"
            f"{look}",
            exit_code=code,
        )
    if code != 0:
        # If the flag is unknown, the domain says why.
        error = answer.get("error") or answer["domain"]["error"]
        hints = "; ".join(error["hints"])
        module.fail_json(
            msg=f"error {error['code']}: {error['message']}"
            + (f" ({hints})" if hints else ""),
            error=error,
            notes=answer.get("notes", []),
            exit_code=code,
        )
    return answer


if __name__ == "__main__":
    main()
