"""GET /api/apikey, GET /api/apikey/{id}: what there is, without a key in it."""

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service

FIELDS = {
    *("id", "alias", "name", "roles", "is_active", "expire", "ttl_days", "generation"),
    *("created_at", "updated_at", "metadata", "status", "hint", "revoked_at", "revoke_reason"),
    *("previous_expires_at", "rotate_every_days", "updated_by", "last_used_at"),
    *("last_generation_used", "previous_last_seen_at"),
}


def get(service: Service, path: str = "", *, by: str | None = None) -> Answer:
    return service.send("GET", f"{PATH}{path}", headers=service.bearer(by))


def listed(service: Service, **query: object) -> dict[str, Any]:
    """Return a page."""
    asked = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    answer = get(service, f"?{asked}")
    assert answer.status == 200
    assert answer.body.keys() == {"items", "cursor"}
    return answer.body


def aliases(page: dict[str, Any]) -> list[str]:
    return [item["alias"] for item in page["items"]]


def walked(service: Service, **query: object) -> list[list[str]]:
    """Return the aliases of all pages."""
    page = listed(service, **query)
    pages = [aliases(page)]
    while page["cursor"]:
        page = listed(service, **query, cursor=page["cursor"])
        pages.append(aliases(page))
    return pages


@pytest.fixture
def five(service: Service, alias: str) -> list[dict[str, Any]]:
    """Five keys: active, revoked, expired, revoked and expired, rotated."""
    made = [service.create(f"{alias}/{n}", metadata={"n": str(n)}) for n in range(5)]
    service.delete(made[1]["id"], "?reason=superseded")
    service.delete(made[3]["id"])
    for n in (2, 3):
        service.change(f"{alias}/{n}", "expires_at", {"N": "1"})
    service.send("POST", f"{PATH}/{made[4]['id']}/rotate", headers=service.bearer())
    service.wire.heal()
    return made


def test_a_key_is_shown_with_all_that_there_is_to_know_and_without_its_string(
    service: Service, five: list[dict[str, Any]]
) -> None:
    answers = [get(service, f"/{key['id']}") for key in five]

    assert {answer.status for answer in answers} == {200}
    shown = [answer.body for answer in answers]
    assert {frozenset(item) for item in shown} == {frozenset(FIELDS)}
    assert [item["status"] for item in shown] == [
        *("active", "revoked", "expired", "revoked", "active"),
    ]
    assert [item["is_active"] for item in shown] == [True, False, True, False, True]
    assert [item["revoke_reason"] for item in shown] == [
        *(None, "superseded", None, "unspecified", None),
    ]
    assert [item["revoked_at"] is None for item in shown] == [True, False, True, False, True]
    assert [item["generation"] for item in shown] == [1, 1, 1, 1, 2]
    assert [item["previous_expires_at"] is None for item in shown] == [True] * 4 + [False]
    same = ("id", "alias", "name", "roles", "ttl_days", "metadata", "created_at")
    for item, key in zip(shown, five, strict=True):
        assert {name: item[name] for name in same} == {name: key[name] for name in same}
        assert item["updated_by"] == f"{keytext.id_of('', 'admin')}:admin"
        assert (item["rotate_every_days"], item["last_used_at"]) == (None, None)
        assert key["key"] not in json.dumps(item)
    assert shown[0]["hint"] == f"kt_...{five[0]['key'][-4:]}"
    reads = [passed.body for passed in service.wire.passed]
    assert {read["ConsistentRead"] for read in reads if read["Key"]["item"] == {"S": "key"}} == {
        True
    }


def test_a_list_shows_what_reading_each_key_shows(
    service: Service, alias: str, five: list[dict[str, Any]]
) -> None:
    page = listed(service, alias_prefix=f"{alias}/")
    assert page["cursor"] is None
    assert page["items"] == [get(service, f"/{key['id']}").body for key in five]


def test_a_list_is_walked_page_by_page(service: Service, alias: str) -> None:
    for n in range(7):
        service.create(f"{alias}/{n}")
    pages = walked(service, alias_prefix=f"{alias}/", limit=3)

    assert [one for page in pages for one in page] == [f"{alias}/{n}" for n in range(7)]
    assert [len(page) for page in pages[:3]] == [3, 3, 1]


@pytest.mark.parametrize(
    ("status", "found"), [("active", ["0", "4"]), ("expired", ["2"]), ("revoked", ["1", "3"])]
)
def test_a_list_keeps_to_a_status(
    service: Service, alias: str, five: list[dict[str, Any]], status: str, found: list[str]
) -> None:
    assert five
    pages = walked(service, alias_prefix=f"{alias}/", status=status, limit=2)
    assert [one for page in pages for one in page] == [f"{alias}/{n}" for n in found]


def test_prefixes_are_of_the_alias_as_it_is_stored(service: Service, alias: str) -> None:
    service.create(f"{alias}/caf\u00e9")
    assert aliases(listed(service, alias_prefix=f"{alias}/cafe\u0301")) == [f"{alias}/caf\u00e9"]
    assert aliases(listed(service, alias_prefix=f"{alias}/CAF")) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1.5",
        "limit=x",
        "limit=",
        "limit=5.0",
        "limit=+5",
        "limit=1_0",
        "limit=1&limit=2",
        "status=gone",
        "status=",
        "status=Active",
        "status=active&status=active",
        "alias_prefix=" + "x" * 129,
        "alias_prefix=a&alias_prefix=b",
        "cursor=",
        "cursor=x",
        "cursor=" + "A" * 2_000,
        "cursor=a&cursor=b",
        "page=2",
        "Limit=1",
    ],
)
def test_a_parameter_that_is_none_is_named(service: Service, query: str) -> None:
    answer = get(service, f"?{query}")
    assert answer.is_error(400, "field_invalid")
    name = query.partition("=")[0]
    assert answer.body["error"].startswith(f"{name}: ") or (
        name in {"page", "Limit"} and answer.body["error"] == "unknown query parameter"
    )
    assert service.wire.calls == ["GetItem"]


def test_a_cursor_is_good_for_its_own_list_alone(service: Service, alias: str) -> None:
    for n in range(3):
        service.create(f"{alias}/{n}")
    cursor = listed(service, alias_prefix=f"{alias}/", limit=1)["cursor"]

    bad = [cursor[:-1], cursor + "A", cursor[::-1], base64.urlsafe_b64encode(b"{}").decode()]
    flipped = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        for place in range(0, len(cursor), 7)
    ]
    for tampered in (*bad, *flipped):
        answer = get(service, f"?alias_prefix={alias}/&limit=1&cursor={tampered}")
        assert answer.is_error(400, "field_invalid")
    for other in (f"alias_prefix={alias}", f"alias_prefix={alias}/&status=active", ""):
        answer = get(service, f"?{other}&limit=1&cursor={cursor}")
        assert answer.is_error(400, "field_invalid")


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/events"])
def test_nobody_but_an_admin_reads(service: Service, alias: str, path: str) -> None:
    user = service.create(alias, roles=["user"])
    where = path.format(id=user["id"])
    assert get(service, where, by=user["key"]).is_error(403, "forbidden")
    assert service.send("GET", f"{PATH}{where}").is_error(401, "unauthorized")


@pytest.mark.parametrize("path", ["", "/events"])
def test_only_an_id_is_looked_up(service: Service, alias: str, path: str) -> None:
    made = service.create(alias)
    stranger = keytext.id_of("", "nobody's")
    assert get(service, f"/{stranger}{path}").is_error(404, "not_found", "API key not found")
    service.wire.heal()
    for named in (made["key"], "x", "%00", "a%2Fb", "verify"):
        assert get(service, f"/{named}{path}").status == 404
    asked = {json.dumps(passed.body.get("Key")) for passed in service.wire.passed}
    # The authorizer's, and nobody else's: AWS logs what is asked for.
    assert asked == {json.dumps({"id": {"S": keytext.id_of("", "admin")}, "item": {"S": "key"}})}


def test_what_was_just_written_is_read(service: Service, alias: str) -> None:
    made = service.create(alias)
    assert get(service, f"/{made['id']}").body["name"] == "name"
    service.post({"alias": alias, "name": "changed"})
    read = get(service, f"/{made['id']}/").body
    assert read["name"] == "changed"
    assert abs(time.time() - _epoch(read["updated_at"])) < 60


def _epoch(moment: str) -> float:
    return time.mktime(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
