"""The Flask service's check of a key, before a view that does nothing.

Measured two ways, both without a web server: through Flask's test client, and as a bare WSGI call,
environment in and response out, which leaves out even what a server does to make the environment.
"""

import os
from collections.abc import Callable
from functools import cache
from io import BytesIO
from itertools import count

from flask.typing import ResponseReturnValue
from flask_service import admin_required, create_app, first_admin
from werkzeug.test import EnvironBuilder

app = create_app(f"sqlite:///{os.environ['BENCH_FOLDER']}/{os.getpid()}.db")
numbers = count()
HEADERS = {"Authorization": f"Bearer {first_admin()}", "User-Agent": "python-requests/2.32.5"}


@app.get("/orders/<order>")
@admin_required
def order(order: str) -> ResponseReturnValue:
    """Answer what a protected route would."""
    return {"id": order}


def client(times: int) -> None:
    """Ask through the test client."""
    asker = app.test_client()
    for _ in range(times):
        if asker.get("/orders/42", headers=HEADERS).status_code != 200:  # noqa: PLR2004
            raise SystemExit("not let in")


def wsgi(times: int) -> None:
    """Call the application as a WSGI server would."""
    environ = EnvironBuilder("/orders/42", headers=HEADERS).get_environ()
    said: list[str] = []

    def start(status: str, *_: object) -> None:
        said[:] = [status]

    for _ in range(times):
        answer = app({**environ, "wsgi.input": BytesIO()}, start)
        b"".join(answer)
        answer.close()
        if said != ["200 OK"]:
            raise SystemExit("not let in")


def create(times: int) -> None:
    """Create a key for another alias each time."""
    _post(201, times, lambda: f"bench-{next(numbers)}")


def renew(times: int) -> None:
    """Renew one key."""
    create_once()
    _post(200, times, lambda: "billing")


@cache
def create_once() -> None:
    """Make the key that is renewed."""
    _post(201, 1, lambda: "billing")


def _post(expected: int, times: int, alias: Callable[[], str]) -> None:
    asker = app.test_client()
    for _ in range(times):
        body = {"alias": alias(), "name": "Bench", "roles": ["user"], "ttl_days": 15}
        if asker.post("/api/apikey", headers=HEADERS, json=body).status_code != expected:
            raise SystemExit("not done")


CASES = {"flask_create": create, "flask_renew": renew, "flask": client, "flask_wsgi": wsgi}
