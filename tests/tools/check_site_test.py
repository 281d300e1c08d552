"""The check of the documentation site finds links that lead nowhere."""

import pytest

from tools import check_site

GOOD = (
    '<html><body><h1 id="start">a</h1><a href="b.html#end">b</a><a href="#start">up</a><img src="p.png"></body></html>'
)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "b.html").write_text(
        '<p id="end"><a href="https://example.org/x">out</a><a href="//example.org">out</a></p>'
    )
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def test_a_site_whose_links_lead_somewhere(site, capsys):
    assert check_site.find_problems(site) == []
    check_site.main([str(site)])
    assert "lead somewhere" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ('<a href="c.html">c</a>', "c.html: no such file"),
        ('<a href="b.html#begin">b</a>', "b.html#begin: the page has no place 'begin'"),
        ('<a href="#begin">b</a>', "#begin: the page has no place 'begin'"),
        ('<img src="q.png">', "q.png: no such file"),
        ('<script src="https://example.org/x.js"></script>', "is fetched from elsewhere"),
        ('<img src="//example.org/q.png">', "is fetched from elsewhere"),
    ],
)
def test_a_link_that_leads_nowhere(site, element, problem):
    (site / "wrong.html").write_text(element)
    (line,) = check_site.find_problems(site)
    assert line.startswith("wrong.html: ") and problem in line
    with pytest.raises(SystemExit, match="wrong.html"):
        check_site.main([str(site)])


def test_a_folder_without_pages_is_refused(tmp_path):
    assert "make docs" in check_site.find_problems(tmp_path)[0]
