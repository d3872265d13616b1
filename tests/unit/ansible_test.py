# SPDX-License-Identifier: GPL-2.0-or-later
"""What contrib/ansible says of itself in several places is the same."""

import ast
import os
import re

import pytest

from tests import ROOT

yaml = pytest.importorskip("yaml")

CONTRIB = os.path.join(ROOT, "contrib", "ansible")
ROLE = os.path.join(CONTRIB, "roles", "vdsm_backup_domain")
MODULE = os.path.join(CONTRIB, "plugins", "modules", "vdsm_backup_domain.py")
PREFIX = "vdsm_backup_domain_"


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def specs():
    text = read(ROLE, "meta", "argument_specs.yml")
    return yaml.safe_load(text)["argument_specs"]


@pytest.fixture(scope="module")
def options(specs):
    """Of all entry points."""
    return {
        name: option
        for spec in specs.values()
        for name, option in spec["options"].items()
    }


def test_entry_points_have_their_tasks(specs):
    for name in specs:
        assert os.path.exists(os.path.join(ROLE, "tasks", f"{name}.yml"))


def test_defaults_are_those_of_the_specification(options):
    defaults = yaml.safe_load(read(ROLE, "defaults", "main.yml"))
    assert defaults == {
        name: option["default"]
        for name, option in options.items()
        if not option.get("required")
    }


def test_readme_has_each_variable_with_its_default(options):
    text = read(ROLE, "README.md")
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| (.*?) \| ", text, re.M)
    assert dict(rows) == {
        name: shown(option) for name, option in options.items()
    }


def shown(option):
    if option.get("required"):
        return "none, it must be given"
    value = option["default"]
    plain = {"": '""', True: "true", False: "false"}
    text = (
        plain[value]
        if isinstance(value, (str, bool)) and value in plain
        else value
    )
    return f"`{text}`"


def test_variables_that_files_use_are_known(options):
    """In tasks, handlers, templates, examples and documents."""
    used = {}
    files = [os.path.join(ROOT, "docs", "ansible.md")]
    for top, directories, names in os.walk(CONTRIB):
        # Ansible compiles the module when it reads its documentation.
        directories[:] = [x for x in directories if x != "__pycache__"]
        files += [os.path.join(top, name) for name in names]
    for path in files:
        for name in re.findall(rf"\b(?<!_){PREFIX}\w+", read(path)):
            used[name] = path
    assert set(used) == set(options), used


def tasks_of(blocks):
    for task in blocks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def tasks_with(module):
    directory = os.path.join(ROLE, "tasks")
    return [
        task
        for name in os.listdir(directory)
        for task in tasks_of(yaml.safe_load(read(directory, name)))
        if module in task
    ]


def test_a_change_of_packages_tells_what_has_to_be_restarted():
    """Whatever they are from."""
    found = tasks_with("ansible.builtin.dnf")
    assert len(found) == 3
    (handler,) = yaml.safe_load(read(ROLE, "handlers", "main.yml"))
    for task in found:
        assert task["notify"] == handler["name"], task["name"]


def test_commands_in_check_mode():
    """One that asks is run there, too, and one that changes is not."""
    asking, changing = [], []
    for task in tasks_with("ansible.builtin.command"):
        kind = changing if task["changed_when"] else asking
        kind.append(task["name"])
        if kind is asking:
            assert task["check_mode"] is False, task["name"]
        else:
            assert task["when"] == "not ansible_check_mode", task["name"]
            assert "check_mode" not in task, task["name"]
    assert (len(asking), len(changing)) == (3, 2)


def module_texts():
    """{"DOCUMENTATION": ..., "RETURN": ...} and the text of all."""
    found = {}
    tree = ast.parse(read(MODULE))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(
            node.value, ast.Constant
        ):
            found[node.targets[0].id] = node.value.value
    return tree, found


def test_module_documents_its_options():
    tree, texts = module_texts()
    documented = yaml.safe_load(texts["DOCUMENTATION"])["options"]
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "AnsibleModule"
    ]
    (specification,) = [
        ast.literal_eval(x.value)
        for x in call.keywords
        if x.arg == "argument_spec"
    ]
    assert specification == {
        name: {k: v for k, v in option.items() if k != "description"}
        for name, option in documented.items()
    }


def test_examples_of_the_module_are_yaml():
    _, texts = module_texts()
    for text in (texts["EXAMPLES"], read(ROOT, "docs", "ansible.md")):
        assert "vdsm_backup_domain:\n" in text
    assert len(yaml.safe_load(texts["EXAMPLES"])) == 2
    returned = set(yaml.safe_load(texts["RETURN"]))
    assert returned == {"domain", "notes", "error", "exit_code"}
