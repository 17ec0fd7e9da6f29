"""The console's files over HTTP, beside the API and in nobody's way."""

import gzip

import httpx
import pytest

from infra.local.stack import local_stack
from tests.e2e.served import Service
from tests.races.places import moto_url
from tests.support_console import ASSETS


def test_file_arrives_as_it_is_compressed_or_not(service: Service) -> None:
    url = f"{service.stack.url}/console/app.js"
    given = httpx.get(url, headers={"Accept-Encoding": "gzip"})
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"})

    assert given.headers["Content-Encoding"] == "gzip"
    assert given.content == plain.content == (ASSETS / "app.js").read_bytes()
    assert int(given.headers["Content-Length"]) == len(gzip.compress(plain.content, mtime=0))
    held = httpx.get(url, headers={"If-None-Match": given.headers["ETag"]})
    assert (held.status_code, held.content) == (304, b"")
    assert service.wire.calls == []


@pytest.mark.parametrize("credentials", [True, False], ids=["admin", "nobody"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/console/{name}") for name in ("x", "x/y", "../template.yaml", "vendor")),
        *(("GET", path) for path in ("/Console", "/consoles", "/v1/console", "//console")),
        *((method, "/console") for method in ("POST", "PUT", "DELETE", "OPTIONS")),
        *((method, "/console/app.js") for method in ("POST", "PUT", "DELETE", "OPTIONS")),
    ],
)
def test_what_is_no_file_is_no_such_route(
    service: Service, method: str, path: str, *, credentials: bool
) -> None:
    headers = service.bearer() if credentials else []

    assert service.send(method, path, headers=headers).is_error(404, "route_not_found")


def test_console_that_is_switched_off_is_no_route() -> None:
    off = {"EnableConsole": "false"}
    with local_stack(aws=moto_url(), name="no-console", parameters=off) as stack:
        for path in ("/console", "/console/", "/console/app.js"):
            answer = httpx.get(f"{stack.url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
        assert httpx.get(f"{stack.url}/api/apikey").status_code == 401
