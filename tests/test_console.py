"""GET /console and /console/{file+}, through API Gateway's events."""

import gzip
import importlib.util
import json
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import console
from tests.support import REQUEST_ID, Context, request
from tests.support_console import ASSETS, needs_libraries

NAMES = sorted(console.assets)
OURS = sorted(name for name in NAMES if not name.startswith("vendor/"))
LOCK = ASSETS.parents[1] / "requirements/console/package-lock.json"
_FILE = r"([\w./-]+\.(?:js|css|svg|woff2|json))"
REFERS = re.compile(rf"""(?:from |import\(|href=|src=|url\(|new URL\()['"]{_FILE}['"]""")


class Given(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def get(file: str = "", module: ModuleType = console, **headers: str) -> Given:
    """Ask for a file, or for the page."""
    resource = "/console/{file+}" if file else "/console"
    event = request(
        "GET",
        resource,
        path={"file": file} if file else None,
        headers={name.replace("_", "-"): [value] for name, value in headers.items()},
        caller=None,
    )
    given: dict[str, Any] = json.loads(json.dumps(module.handler(event, Context())))
    assert given["isBase64Encoded"] is True
    many = given["multiValueHeaders"]
    assert all(len(values) == 1 for values in many.values())
    return Given(
        given["statusCode"],
        {name: values[0] for name, values in many.items()},
        b64decode(given["body"], validate=True),
    )


@pytest.fixture
def unbuilt(tmp_path: Path) -> ModuleType:
    """The function in a bundle into which nothing of npm was brought."""
    shutil.copytree(ASSETS, tmp_path / "console_assets", ignore=shutil.ignore_patterns("vendor"))
    shutil.copy(ASSETS.with_name("console.py"), tmp_path)
    spec = importlib.util.spec_from_file_location("unbuilt_console", tmp_path / "console.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_libraries
@pytest.mark.parametrize("file", ["", "api", "api/", "console/", "index.html"])
def test_page_is_the_same_under_each_of_its_names(file: str) -> None:
    given = get(file)

    assert given.status == 200
    assert given.headers["Content-Type"] == "text/html; charset=utf-8"
    assert given.body == (ASSETS / "index.html").read_bytes()


@pytest.mark.parametrize("prefix", ["", "console/", "api/console/"])
@pytest.mark.parametrize("name", NAMES)
def test_file_is_what_lies_there_wherever_the_page_looks_for_it(name: str, prefix: str) -> None:
    given = get(prefix + name)

    assert given.status == 200
    assert given.body == (ASSETS / name).read_bytes()
    assert given.headers["Content-Type"].partition(";")[0] in {
        "text/css", "text/html", "text/javascript", "text/plain",
        "application/json", "image/svg+xml", "font/woff2",
    }  # fmt: skip


def test_without_its_libraries_it_says_what_to_do(unbuilt: ModuleType) -> None:
    for file in ("", "api"):
        given = get(file, unbuilt)
        assert given.status == 503
        assert b"Install Node.js with npm" in given.body
    assert get("base.css", unbuilt).status == 200
    assert get("vendor/preact.js", unbuilt).status == 404


@pytest.mark.parametrize(
    "file",
    [
        *("nothing.js", "vendor", "vendor/", "vendor/nothing.js", "Index.html", "index.html/"),
        *("../console.py", "vendor/../../console.py", "..%2fconsole.py", "%2e%2e/console.py"),
        *("..\\console.py", "/etc/passwd", "./index.html", "a/index.html", "app.js\0", "\ud800"),
        *(".gitignore", "requirements.txt", "console_assets/index.html"),
    ],
)
def test_what_is_not_there_is_no_route(file: str) -> None:
    given = get(file)

    assert given.status == 404
    assert given.headers["Cache-Control"] == "no-store"
    assert json.loads(given.body) == {
        "error": "no such route",
        "code": "route_not_found",
        "request_id": REQUEST_ID,
    }


@pytest.mark.row("T15")
@pytest.mark.parametrize("file", ["", *OURS, "nothing.js"])
def test_nothing_but_our_own_files_is_loaded_run_or_framed(file: str) -> None:
    headers = get(file).headers

    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        **dict.fromkeys(
            ("script-src", "style-src", "font-src", "img-src", "connect-src"), "'self'"
        ),
        **dict.fromkeys(("base-uri", "form-action", "frame-ancestors", "trusted-types"), "'none'"),
        "require-trusted-types-for": "'script'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Request-Id"] == REQUEST_ID
    assert int(headers["Strict-Transport-Security"].removeprefix("max-age=")) >= 31_536_000
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    ("accepts", "compressed"),
    [
        *((value, True) for value in ("gzip", "GZIP", "gzip, deflate, br", "br;q=1, gzip;q=0.5")),
        *((value, True) for value in ("*", "deflate,gzip", "gzip;q=1.0")),
        *((value, False) for value in ("", "br", "identity", "gzip;q=0", "gzip; q=0.0, br")),
        *((value, False) for value in ("x-gzip", "gzipped", "br, gzip;q=0")),
    ],
)
def test_file_is_compressed_for_whom_it_may_be(accepts: str, *, compressed: bool) -> None:
    given = get("app.js", Accept_Encoding=accepts)

    assert ("Content-Encoding" in given.headers) is compressed
    body = gzip.decompress(given.body) if compressed else given.body
    assert body == (ASSETS / "app.js").read_bytes()
    assert given.headers["Vary"] == "Accept-Encoding"


@needs_libraries
def test_font_which_is_compressed_is_not_compressed_again() -> None:
    given = get("vendor/inter.woff2", Accept_Encoding="gzip")

    assert "Content-Encoding" not in given.headers
    assert given.body.startswith(b"wOF2")


def test_what_a_browser_holds_is_not_sent_again_until_it_changes(unbuilt: ModuleType) -> None:
    first = get("base.css", unbuilt, Accept_Encoding="gzip")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"

    for held in (tag, f'"other", {tag}', f'{tag},W/"other"'):
        again = get("base.css", unbuilt, If_None_Match=held)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
    assert get("base.css", unbuilt, If_None_Match='W/"other"').status == 200
    assert get("app.js", unbuilt, If_None_Match=tag).status == 200
    # What says that something is missing is not to be kept.
    assert (
        get("", unbuilt, If_None_Match=get("missing.html", unbuilt).headers["ETag"]).status == 503
    )


def referred(name: str) -> Iterator[str]:
    """Yield the files that a file of ours names."""
    folder = Path(name).parent
    for found in REFERS.findall((ASSETS / name).read_text("utf-8")):
        yield (folder / found.removeprefix("console/")).as_posix()


@needs_libraries
def test_every_file_that_is_named_is_there_and_every_one_of_ours_is_named() -> None:
    named = {target: name for name in OURS for target in referred(name)}

    missing = named.keys() - {*NAMES, "vendor/openapi.json"}
    assert not missing
    assert {name for name in OURS if name not in named} == {"index.html", "missing.html"}


@pytest.mark.row("T15")
@pytest.mark.parametrize("name", OURS)
def test_no_file_of_ours_leads_elsewhere_or_writes_markup(name: str) -> None:
    text = (ASSETS / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.findall(r"https?:|['\"(]//|\bdata:|javascript:", text)
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|"
        r"DOMParser|dangerously|sessionStorage|indexedDB|document\.cookie|console\.log",
        text,
    )
    assert ("localStorage" in text) is (name in {"theme.js", "theme-button.js"})
    if name.endswith(".html"):
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
    assert len(text.splitlines()) <= 300


def test_both_ways_into_the_dark_theme_lead_to_the_same_colours() -> None:
    css = (ASSETS / "base.css").read_text("utf-8")
    system, chosen = (
        re.findall(r"--[\w-]+: [^;]+;", css.partition(start)[2].partition("}")[0])
        for start in (":root:not([data-theme='light']) {", ":root[data-theme='dark'] {")
    )
    light = re.findall(r"(--[\w-]+): ", css.partition(":root {")[2].partition("}")[0])

    assert system == chosen
    assert {each.partition(":")[0] for each in chosen} == {*light} - {"--mono"}


def test_libraries_are_pinned_by_integrity_and_come_from_nowhere_in_particular() -> None:
    text = LOCK.read_text("utf-8")
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}

    assert "resolved" not in text
    assert all(re.match(r"sha512-[\w+/]{86}==$", each["integrity"]) for each in packages.values())
    assert not any(each.get("hasInstallScript") for each in packages.values())
    wanted = json.loads(LOCK.with_name("package.json").read_text("utf-8"))
    pinned = wanted["dependencies"] | wanted["devDependencies"]
    assert pinned == {
        name.removeprefix("node_modules/"): each["version"] for name, each in packages.items()
    }


@needs_libraries
def test_every_library_that_is_served_brings_its_licence() -> None:
    wanted = json.loads(LOCK.with_name("package.json").read_text("utf-8"))["dependencies"]

    for name in wanted:
        licence = get(f"vendor/{name.rpartition('/')[2]}.LICENSE.txt")
        assert licence.status == 200
        assert b"opyright" in licence.body
    assert not [name for name in NAMES if "axe" in name]


def test_who_asks_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    secret = "kt_03Oz2OpdnmGrg8ARP_ExampleBillingNotARealSecret00001zvtdt"

    given = get(secret, Authorization=f"Bearer {secret}", X_API_Key=secret)

    assert secret.encode() not in given.body
    assert secret not in json.dumps(dict(given.headers))
    assert capfd.readouterr() == ("", "")
