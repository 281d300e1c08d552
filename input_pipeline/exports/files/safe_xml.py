"""Reads XML that is not to be trusted: without entities and document types, and not nested without end."""

from xml.etree import ElementTree
from xml.parsers import expat

from ssa2d_jax.utils.errors import InputError

Element = ElementTree.Element
_DEEPEST = 64


class _Refused(Exception):
    """A construct that no labelling tool writes."""


def parse_xml(data: bytes, place: str) -> Element:
    """The root of an XML document. Raises InputError, with `place`, if it isn't one, or declares entities."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise _Refused(f"its elements are nested more than {_DEEPEST} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise _Refused("it declares a document type or entities, which no labelling tool writes")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"{place}: not an XML document ({error})") from error
    except (_Refused, LookupError, ValueError) as error:
        raise InputError(f"{place}: not read: {error}") from error
    return builder.close()
