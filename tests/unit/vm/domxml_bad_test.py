# SPDX-License-Identifier: GPL-2.0-or-later
"""What is no XML of a VM, or in an encoding that may be none."""

import encodings.aliases

import pytest

from tests.support.vm.domxmltext import SOURCE, disk, only_disk, values, vm
from vdsm_backup.vm import domxml, xml_tree

ENTITIES = "".join(
    f"<!ENTITY e{n} '{f'&e{n - 1};' * 10 if n else 'lol'}'>" for n in range(30)
)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE domain>",
        f"<!DOCTYPE domain [{ENTITIES}]>",
        "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE domain PUBLIC 'x' 'http://192.0.2.1/x.dtd'>",
        "<!DOCTYPE domain [<!ENTITY % p SYSTEM 'file:///dev/zero'> %p;]>",
        "<!DOCTYPE domain [<!ATTLIST disk device CDATA 'cdrom'>]>",
    ],
)
def test_document_type(doctype):
    xml = doctype + vm(disk(SOURCE), around="<title>&e29;</title>")
    for text in (xml, xml.encode(), xml.encode("utf-16")):
        with pytest.raises(domxml.BadXml, match="document type"):
            domxml.parse(text)


def test_entities_are_not_expanded(monkeypatch):
    seen = []
    monkeypatch.setattr(
        xml_tree._TreeBuilder,
        "characters",
        lambda self, data: seen.append(data),
    )
    with pytest.raises(domxml.BadXml):
        domxml.parse(f"<!DOCTYPE domain [{ENTITIES}]><domain>&e29;</domain>")
    assert seen == []


def test_entity_that_nobody_declared():
    with pytest.raises(domxml.BadXml, match="undefined entity"):
        domxml.parse(vm(disk("<source file='&evil;'/>")))


@pytest.mark.parametrize(
    "xml",
    [
        "",
        b"",
        " ",
        "no XML",
        "{}",
        "<domain>",
        "<domain></disk>",
        vm() + vm(),
        disk() + disk(),
        vm() + disk(),
        vm() + "x",
        "<domain a='1' a='2'/>",
        "<domain><x:disk/></domain>",
        vm(disk("<source file='/a\0'/>")),
        vm(disk("<source file='/a&#0;'/>")),
        vm(disk("<source file='/a\udcff'/>")),
        vm().encode() + b"\xff",
        b"\xfe\xff" + vm().encode(),
        vm().encode("utf-32"),
        b"\0" * 100,
    ],
)
def test_broken(xml):
    with pytest.raises(domxml.BadXml, match="cannot be parsed"):
        domxml.parse(xml)


@pytest.mark.parametrize(
    "root", ["domainsnapshot", "Domain", "d:domain", "disks", "x" * 1000]
)
def test_another_document(root):
    xml = f"<{root} xmlns:d='urn:d'>{vm()}</{root}>"
    with pytest.raises(domxml.BadXml, match="describes no VM, but a") as e:
        domxml.parse(xml)
    assert len(str(e.value)) < 100


def test_depth_costs_nothing():
    depth = 500_000
    assert domxml.parse(vm("<a>" * depth + "</a>" * depth)).disks == []
    with pytest.raises(domxml.BadXml, match="cannot be parsed"):
        domxml.parse("<domain>" * 10**5)


@pytest.mark.parametrize("around", ["<domain>{}</domain>", "<disk>{}</disk>"])
def test_the_tree_has_few_levels_however_deep_the_document_is(around):
    deep = "<a>" * 250_000 + "x<source file='/a'/>" + "</a>" * 250_000
    level, elements = 0, [xml_tree.read(around.format(deep))[0]]
    while elements:
        level += 1
        elements = [e for at in elements for e in at.elements()]
        assert len(elements) <= 1
    # The <source> is below the last one that is kept as it is.
    assert level == xml_tree.MAX_LEVELS + 1


def test_a_source_at_any_depth():
    inner = "<source file='/b'/><source file='/c'><source file='/d'/></source>"
    inner = "<a>" * 100_000 + inner + "</a>" * 100_000
    found = only_disk(vm(disk(f"{SOURCE}{inner}<source file='/e'/>")))
    assert [s.value for s in found.sources] == ["/a", "/b", "/c", "/d", "/e"]
    assert found.target == "vda"


def test_length():
    fill = "x" * (domxml.MAX_XML - len(vm(around="<a></a>")))
    assert domxml.parse(vm(around=f"<a>{fill}</a>")).name == "web1"
    for xml in (vm(around=f"<a>{fill}x</a>"), b" " * 50 * 1024**2):
        with pytest.raises(domxml.BadXml, match="is longer than"):
            domxml.parse(xml)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "cp1252"])
def test_encodings(encoding):
    xml = f"<?xml version='1.0' encoding='{encoding}'?>"
    xml += vm(disk("<source file='/b\xfcro'/>"))
    assert values(only_disk(xml.encode(encoding)))[0][1] == "/b\xfcro"
    # Text is what it is, whatever it says of itself.
    assert values(only_disk(xml))[0][1] == "/b\xfcro"


@pytest.mark.parametrize(
    "encoding", sorted({*encodings.aliases.aliases.values(), "idna", "no", ""})
)
def test_every_encoding_that_python_knows(encoding):
    xml = f"<?xml version='1.0' encoding='{encoding}'?>{vm(disk(SOURCE))}"
    try:
        found = only_disk(xml.encode())
    except domxml.BadXml:
        return
    # What is parsed is what libvirt would see: ASCII stays ASCII.
    assert values(found) == [("file", "/a", "")]


def test_wrong_encoding():
    xml = "<?xml version='1.0' encoding='ascii'?>" + vm(around="<a>\xfc</a>")
    with pytest.raises(domxml.BadXml, match="cannot be parsed"):
        domxml.parse(xml.encode())


def test_a_source_of_very_many_meanings():
    """Each value is with each protocol, so few attributes make many."""

    def source(count):
        some = range(count)
        spaces = "".join(f" xmlns:x{n}='urn:{n}'" for n in some)
        names = "".join(f" x{n}:name='v/{n}'" for n in some)
        protocols = "".join(f" x{n}:protocol='p{n}'" for n in some)
        return vm(disk(f"<source{spaces}{names}{protocols}/>"))

    assert len(only_disk(source(10)).sources) == 100
    with pytest.raises(domxml.BadXml, match="more than 100 meanings"):
        domxml.parse(source(11))
