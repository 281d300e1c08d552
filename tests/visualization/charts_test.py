"""Charts keep room for what they show, whatever the names."""

import re
import warnings
from xml.etree import ElementTree

import pytest

from ssa2d_jax.visualization.charts import bars, count_columns, curves, escape_label, shorten, time_and_score

LONG = "a very long name of an action that somebody has written out in full to be clear about it, all of it"
FLAG = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f-🇩🇪🇫🇷-🧑🏽‍🤝‍🧑🏿"


@pytest.mark.parametrize("name", [LONG, FLAG * 6, "W" * 100])
def test_long_names_leave_room_for_the_chart(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's "constrained_layout not applied because axes sizes collapsed"
        drawn = [
            bars([name[:100], "dog", name[:99]], {name: [1.0, 2.0, 3.0], "other": [1.0, 2.0, 3.0]}),
            curves({name: ([1, 2], [1.0, 2.0]), f"{name}2": ([1, 2], [2.0, 3.0])}, "IoU"),
            time_and_score([(name, 1.0, 2.0), ("other", 2.0, 3.0)]),
        ]
    for svg in drawn:
        axes = ElementTree.fromstring(svg).find(".//*[@id='patch_2']/*")  # the background of the axes
        corners = [[float(number) for number in pair] for pair in re.findall(r"([\d.]+) ([\d.]+)", axes.get("d"))]
        across, down = zip(*corners, strict=True)
        assert max(across) - min(across) > 150 and max(down) - min(down) > 100  # points, of 468 x 259


def test_names_are_shortened_in_the_middle():
    assert shorten("dog-running", 11) == "dog-running"
    assert shorten("dog-running fast", 11) == "dog-r… fast"
    assert shorten("狗" * 10, 11) == "狗狗…狗狗" and count_columns("狗狗…e\u0301") == 6
    assert escape_label("$" * 41) == r"\$" * 20 + "…" + r"\$" * 19
    assert escape_label(LONG[:40]) == LONG[:40]
