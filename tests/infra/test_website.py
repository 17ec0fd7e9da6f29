"""Every link of every page leads somewhere: in the repository, and in the site made of it."""

import re
from pathlib import Path

import pytest

from infra import website
from tests.infra.declared import ROOT

PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {"node_modules", "build", "dist", "vendor", "mutants"} & {*path.relative_to(ROOT).parts}
    and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return what GitHub calls a page's headings, in a link."""
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)\s:]+)\)|(?:href|src)=\"([^\":]+)\"", text)
    for link in ("".join(each) for each in links):
        target, _, anchor = link.partition("#")
        found = page.parent / target if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_the_menu_names_every_page_and_no_other() -> None:
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    named = re.findall(r'= "([\w/-]+\.md)"', menu)
    docs = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    elsewhere = {*website.ELSEWHERE.values()}

    assert len(named) == len({*named})
    assert {*named} == docs | elsewhere


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="there.html">', None),
        ('<a href="there.html#here">', None),
        ('<a href="#top"><p id="top">', None),
        ('<a href="https://example.com/">', None),
        ('<a href="gone.html">', "gone.html, which is not there"),
        ('<a href="there.html#gone">', "there.html#gone, which has no such anchor"),
        ('<a href="#gone">', "#gone, which has no such anchor"),
        ('<a href="../outside.html">', "../outside.html, which is not there"),
        ('<script src="https://example.com/x.js">', "fetches https://example.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.com/">', "fetches //fonts.example.com/"),
    ],
)
def test_what_the_site_is_looked_through_for(
    body: str, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (tmp_path / "outside.html").write_text("")
    (folder / "there.html").write_text('<p id="here">')
    (folder / "page.html").write_text(body)
    monkeypatch.setattr(website, "SITE", folder)
    pages = {path: website.Page(path) for path in folder.glob("*.html")}

    faults = [*pages[folder / "page.html"].faults(pages)]

    assert len(faults) == (fault is not None)
    assert all(str(fault) in each for each in faults)


def test_a_link_out_of_the_pages_leads_to_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website, "STAGED", tmp_path)
    text = "[a](../SECURITY.md#x) [b](../tests/test_rows.py) [c](api.md) [d](../gone.py)\n"

    moved = website.moved(text, Path("docs/usage.md"), Path("usage.md"))

    assert moved == (
        "[a](security.md#x) [b](source/tests/test_rows.py.txt) [c](api.md) [d](missing/gone.py)\n"
    )
    assert (tmp_path / "source/tests/test_rows.py.txt").read_text() == (
        ROOT / "tests/test_rows.py"
    ).read_text()
