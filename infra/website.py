"""The documentation as a site: `make docs`, into build/site.

Pages link files of the repository that are no pages: tests, functions, examples. In the site they
lie beside it as text, so that nothing there depends on where the repository is.

`python -m infra.website` fails on a link or an anchor that leads nowhere, on a page that no menu
names, and on anything that a browser would fetch from elsewhere.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from os.path import relpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
STAGED, SITE, CONFIG = BUILD / "docs", BUILD / "site", BUILD / "zensical.toml"
# Pages that stand elsewhere in the repository, and what they are called in the site.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "examples/README.md": "examples.md",
    "events/README.md": "event-files.md",
}
_LINK = re.compile(r"(?<=\]\()[^)\s:]+(?=\))")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Stage the pages, build the site, and look through it."""
    shutil.rmtree(BUILD, ignore_errors=True)
    pages = {path: Path(path).relative_to("docs") for path in _pages()}
    pages |= {path: Path(name) for path, name in ELSEWHERE.items() if path != "README.md"}
    for path, name in pages.items():
        _write(name, moved((ROOT / path).read_text(encoding="utf-8"), Path(path), name))
    for file in (ROOT / "docs").rglob("*"):
        if file.is_file() and file.suffix != ".md":
            _copy(file, file.relative_to(ROOT / "docs"))
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    CONFIG.write_text(menu, encoding="utf-8")
    _expect(f"no menu names {name}" for name in pages.values() if f'"{name}"' not in menu)
    zensical = Path(sys.executable).with_name("zensical")
    build = [str(zensical), "build", "--strict", f"--config-file={CONFIG}"]
    subprocess.run(build, check=True)  # noqa: S603 - the generator that is pinned
    found = {path: Page(path) for path in SITE.rglob("*.html")}
    _expect(fault for page in found.values() for fault in page.faults(found))
    sys.stdout.write(f"{len(pages)} pages in {SITE.relative_to(ROOT)}\n")


def _pages() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))]


def moved(text: str, source: Path, name: Path) -> str:
    """Return a page's text with its links as they must be where the site has it."""

    def link(match: re.Match[str]) -> str:
        target, mark, anchor = match.group().partition("#")
        place = _place(Path(relpath(ROOT / source.parent / target, ROOT))) if target else None
        return match.group() if place is None else relpath(place, name.parent) + mark + anchor

    done, at = "", 0
    for fenced in _FENCED.finditer(text):
        done += _LINK.sub(link, text[at : fenced.start()]) + fenced.group()
        at = fenced.end()
    return done + _LINK.sub(link, text[at:])


def _place(path: Path) -> Path | None:
    """Return where the site has a file of the repository; `None`, it leads nowhere."""
    if path.name == "":
        return None
    if str(path) in ELSEWHERE:
        return Path(ELSEWHERE[str(path)])
    if path.parts[0] == "docs":
        return Path(*path.parts[1:]) if (ROOT / path).is_file() else Path("missing", path)
    name = Path(
        "source", f"{path}.txt".removeprefix(".")
    )  # the generator skips what begins with one
    if (ROOT / path).is_dir():
        _write(name, "".join(f"{path / file.name}\n" for file in sorted((ROOT / path).iterdir())))
        return name
    return _copy(ROOT / path, name) if (ROOT / path).is_file() else Path("missing", path)


def _copy(path: Path, name: Path) -> Path:
    (STAGED / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, STAGED / name)
    return name


def _write(name: Path, text: str) -> None:
    (STAGED / name).parent.mkdir(parents=True, exist_ok=True)
    (STAGED / name).write_text(text, encoding="utf-8")


def _expect(faults: Iterable[str]) -> None:
    if found := sorted(faults):
        sys.exit("\n".join(found))


class Page(HTMLParser):
    """A page of the site: its anchors, where it leads, and what it fetches."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors = {""}
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag in."""
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said.get("id", ""), said.get("name", "")}
        if tag == "a" and "href" in said:
            self.links.add(said["href"])
        elif tag in {"script", "img", "iframe", "link"} and said.get("rel") != "canonical":
            self.fetched.add(said.get("src") or said.get("href", ""))

    def faults(self, pages: "dict[Path, Page]") -> Iterator[str]:
        """Yield what is wrong with it."""
        here = self.path.relative_to(SITE)
        for link in sorted(self.links | self.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in self.fetched and parts.scheme != "data":
                    yield f"{here} fetches {link}"
                continue
            base = SITE if parts.path.startswith("/") else self.path.parent
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else self.path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or not target.is_relative_to(SITE):
                yield f"{here} links {link}, which is not there"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{here} links {link}, which has no such anchor"


if __name__ == "__main__":
    main()
