import pytest

from input_pipeline.exports.files.safe_xml import parse_xml
from ssa2d_jax.utils.errors import InputError

BILLION = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


def test_elements_attributes_and_text_are_read():
    root = parse_xml('<?xml version="1.0" encoding="utf-8"?><a x="1"><b>Hündin &amp; &#65;</b></a>'.encode(), "file")
    assert root.get("x") == "1" and root.findtext("b") == "Hündin & A"


@pytest.mark.parametrize("data", [BILLION, OUTSIDE, b'<!DOCTYPE a SYSTEM "x.dtd"><a/>'])
def test_entities_and_document_types_are_refused(data):
    with pytest.raises(InputError, match="file: not read: it declares a document type or entities"):
        parse_xml(data, "file")


@pytest.mark.parametrize(
    "data", [b"", b"<a>", b"<a></b>", b"<a>&nothing;</a>", b"\x00", b'<?xml version="1.0" encoding="x"?><a/>']
)
def test_what_is_no_xml_is_an_error(data):
    with pytest.raises(InputError, match="file: not"):
        parse_xml(data, "file")


def test_endless_nesting_is_refused():
    with pytest.raises(InputError, match="nested more than 64 deep"):
        parse_xml(b"<a>" * 100_000, "file")
