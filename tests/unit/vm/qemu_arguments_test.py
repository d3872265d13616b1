# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths in the arguments and other values that a VM's XML has for qemu."""

import pytest

from tests.support.vm.domxmltext import PATH, others, paths, vm
from vdsm_backup.vm import domxml
from vdsm_backup.vm.qemu_arguments import paths_in

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def qemu(*arguments):
    inside = "".join(f'<q:arg value="{a}"/>' for a in arguments)
    around = f"<q:commandline xmlns:q='{QEMU}'>{inside}</q:commandline>"
    return vm(around=around)


@pytest.mark.parametrize(
    "argument",
    [
        "{}",
        "file={}",
        "file={},if=virtio",
        "if=none,file={},format=raw",
        "driver=raw,file.driver=file,file.filename={}",
        "json:{{&quot;file&quot;:{{&quot;filename&quot;:&quot;{}&quot;}}}}",
        "{{&quot;node-name&quot;: &quot;a&quot;, &quot;filename&quot;:"
        " &quot;{}&quot;, &quot;read-only&quot;: false}}",
        "{{'filename': '{}'}}",
        "file:{}",
        "fat:rw:{}",
        "file=host_device:{}",
        "blkverify:{}:/b",
        "local,path={},mount_tag=x,security_model=none",
        "memory-backend-file,id=m,mem-path={},share=on",
        "exec:cat {} | gzip",
    ],
)
def test_argument(argument):
    assert PATH.replace("nas:", "nas") in paths(
        qemu(argument.format(PATH.replace("nas:", "nas")))
    )


def test_argument_with_characters_that_end_others():
    path = "/a:b=c d/e,f"
    quoted = f"{{&quot;filename&quot;: &quot;{path}&quot;}}"
    doubled = path.replace(",", ",,")
    for argument in (
        path,
        quoted,
        f"file={doubled}",
        f"x=y,file={doubled},if=virtio",
    ):
        assert path in paths(qemu(argument)), argument


@pytest.mark.parametrize(
    "text, path",
    [
        (r'{"filename": "\/a\/b"}', "/a/b"),
        (r'{"filename": "\u002fa\u002Fb"}', "/a/b"),
        (r'{"filename": "/a\ud83d\udcbe/b"}', "/a\U0001f4be/b"),
        (r'{"filename": "/a,,b"}', "/a,,b"),
    ],
)
def test_string_of_json(text, path):
    assert path in paths_in(text)


def test_half_a_character_in_json():
    found = list(paths_in(r'{"filename": "/a\ud83d/b"}'))
    assert all(path.encode() for path in found)


def test_relative_argument():
    assert "rhev/x" in paths_in("file=rhev/x,if=none")


@pytest.mark.parametrize("text", ["console=ttyS0 root=/ rw", "a / b", " // "])
def test_a_slash_in_a_text_is_no_directory(text):
    assert not [x for x in paths_in(text) if not x.strip("/ ")]


def test_the_root_directory():
    assert "/" in paths_in("local,path=/,mount_tag=x")
    assert "/" in paths_in('{"path": "/"}')


def test_other_values_for_qemu():
    around = (
        f"<q:commandline xmlns:q='{QEMU}'><q:env name='A' value='x=/a'/>"
        f"</q:commandline><q:override xmlns:q='{QEMU}'><q:device>"
        "<q:frontend><q:property name='b' value='/c'/></q:frontend>"
        "</q:device></q:override>"
    )
    found = others(vm(around=around))
    assert ("element commandline", "/a") in found
    assert ("element override", "/c") in found


def test_no_path_in_an_argument():
    arguments = ["-device", "virtio-net-pci,id=x", "", "a,,b", "{}", "%s"]
    assert paths(qemu(*arguments)) == []


@pytest.mark.parametrize("text", ["/ " * 10**6, "/=" * 10**6, "/," * 10**6])
def test_arguments_that_would_take_too_long(text):
    with pytest.raises(domxml.BadXml, match="more than 20000 paths"):
        domxml.parse(qemu("a=" + text.replace("/", "/a")))
