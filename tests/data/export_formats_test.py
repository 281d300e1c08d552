import pytest

from ssa2d_jax.data.export_formats import are_formats, split_formats


@pytest.mark.parametrize(
    "text, names",
    [("", ()), (" ", ()), ("coco", ("coco",)), ("cvat, labelme", ("cvat", "labelme")), ("COCO,", ("coco", ""))],
)
def test_names_are_split_at_commas(text, names):
    assert split_formats(text) == names


@pytest.mark.parametrize(
    "text, allowed",
    [
        ("", True),
        ("cvat,coco,youtube_vis,labelme", True),
        ("COCO", True),
        ("coco,COCO", False),
        ("coco,", False),
        ("voc", False),
    ],
)
def test_only_different_known_formats_are_allowed(text, allowed):
    assert are_formats(text) is allowed
