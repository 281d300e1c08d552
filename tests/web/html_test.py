"""The page's pieces as HTML: names are escaped, classes are ordered by their share."""

import re

from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.web import html
from ssa2d_jax.web.limits import Limits

LIMITS = Limits(seconds=2, megabytes=1)


def test_names_from_files_and_runs_are_escaped():
    space = LabelSpace.from_names(("<b>",), ("<i>",), (("<b>", "<i>"),))
    table = html.shares({"<b>-<i>": {"frames": 2, "share": 0.25, "confidence": 0.5}}, space)
    assert "&lt;b&gt;-&lt;i&gt;" in table and "<b>" not in table and "25.0 %" in table and "width:25.00%" in table
    about = html.about("<b>", "for <i>tests</i>", space, LIMITS)
    assert about.count("<b>") == 1 and "<i>" not in about and "<b>&lt;b&gt;</b>. for &lt;i&gt;tests" in about
    assert "1 MB, 2 seconds and 1920x1080 pixels" in about


def test_shares_are_ordered_and_small_ones_counted():
    statistics = {name: {"frames": 0, "share": 0.0, "confidence": None} for name in A2D.joint}
    for number, share in ((0, 0.6), (3, 0.1), (5, 0.2999), (7, 0.0001)):
        statistics[A2D.joint[number]] = {"frames": 4, "share": share, "confidence": 0.7}
    table = html.shares(statistics, A2D)
    first = re.findall(r"<tr[^>]*><td[^>]*>([^<]+)</td>", table)
    assert first == [A2D.joint[5], A2D.joint[3], "background", "and 1 of less than 0.05 % each"]
