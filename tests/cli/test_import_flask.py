"""import: the service that this grew from hands over, and no holder of a key notices anything."""

import importlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from werkzeug.serving import make_server

from infra.local.invoking import answering
from keyturn import keytext
from tests.cli.bringing import HEADER, without_strings
from tests.cli.conftest import Keyturn
from tests.e2e.served import PATH, Service, served

old_service = importlib.import_module("bench.contenders.flask_service")


@dataclass
class Old:
    """The old service over HTTP, on SQLite."""

    database: str
    url: str
    admin: str = field(repr=False)

    def call(self, method: str, path: str = PATH, body: object = None, key: str = "") -> int | str:
        """Return the key of a good answer, or else the status."""
        answer = httpx.request(
            method, self.url + path, json=body, headers={"X-API-Key": key or self.admin}
        )
        said = answer.json()
        return str(said["key"]) if answer.is_success and "key" in said else answer.status_code


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    database = f"sqlite:///{tmp_path}/old.db"
    server = make_server("127.0.0.1", 0, old_service.create_app(database), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Old(database, f"http://127.0.0.1:{server.server_port}", old_service.first_admin())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        old_service.sessions.kw["bind"].dispose()


@pytest.fixture
def ours(command: Keyturn) -> Iterator[Service]:
    with (
        served("moved-in", ImportedKeys="true") as service,
        answering(service.stack) as endpoint,  # type: ignore[arg-type]
    ):
        command.environment |= {"AWS_ENDPOINT_URL": endpoint}
        yield service


@pytest.mark.prove
def test_whoever_holds_a_key_of_the_old_service_notices_nothing(
    old: Old, ours: Service, command: Keyturn
) -> None:
    ours.wire.heal()
    mobile, ended, editor = (
        str(old.call("POST", body={"alias": alias, "name": alias.title(), "roles": roles}))
        for alias, roles in (("mobile", ["user"]), ("ended", []), ("editor", ["admin", "creator"]))
    )
    assert old.call("DELETE", f"{PATH}/{ended}") == 200
    strings = [mobile, ended, editor, old.admin]
    bring = ("import", old.database, "--stack-name", "moved-in")

    tried = without_strings(command.process(*bring, "--dry-run"))
    assert (tried.code, tried.out) == (0, "4 rows, a dry run: 4 imported, 0 present\n")
    assert ours.rows() == []
    done = without_strings(command.process(*bring, "--yes"))
    assert (done.code, done.out) == (0, "4 rows: 4 imported, 0 present\n")
    assert "4 times had no zone and were taken for UTC" in done.err

    # What their programs ask, with what they hold: the URL alone is another one.
    body = {"alias": "mobile", "name": "Mobile"}
    assert old.call("POST", body=body) == mobile
    renewed = ours.post(body, key=old.admin)
    assert (renewed.status, renewed.body["key"], renewed.body["renewed"]) == (200, mobile, True)
    assert ours.post(body, key=editor).body["key"] == mobile
    for key, status in ((mobile, 403), (ended, 401), (mobile[:-1] + "!", 401)):
        assert ours.post(body, key=key).status == status
    verdicts = [ours.post({"key": key}, path=f"{PATH}/verify").body for key in strings]
    assert [verdict["code"] for verdict in verdicts] == ["valid", "revoked", "valid", "valid"]
    own = ours.send("GET", f"{PATH}/self", headers=ours.bearer(editor)).body
    assert (own["alias"], own["name"], own["roles"]) == ("editor", "Editor", ["admin", "creator"])
    assert own["expire"][:16] == expire_of("editor")[:16]

    rotated = ours.post({}, path=f"{PATH}/{renewed.body['id']}/rotate", key=old.admin).body
    assert keytext.parse(rotated["key"]) is not None
    assert ours.delete(editor, by=old.admin).status == 200
    assert not ours.admits(editor)
    without_strings(command.process(*bring, "--yes"))
    assert not ours.admits(editor)
    assert not any(string in str(ours.rows()) for string in strings)


def expire_of(alias: str) -> str:
    with old_service.sessions() as session:
        found = session.query(old_service.ApiKey).filter_by(alias=alias).one()
        return str(found.expire.isoformat())


def test_what_is_read_is_what_the_old_service_has() -> None:
    assert {column.name for column in old_service.ApiKey.__table__.columns} == {*HEADER}
    assert old_service.ApiKey.__tablename__ == "api_key"
