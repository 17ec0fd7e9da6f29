"""Nobody gets more than an admin gave: every caller's roles, every role asked for, every route."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import create_key
from tests.attack.gate import ASKED_ROLES, OPEN, ROUTES, Route, ask, body_of, handler_of
from tests.support import Context, answer, post, request
from tests.support_authorizer import made
from tests.support_aws import Aws, Table
from tests.support_rotation import BILLING

pytestmark = pytest.mark.row("T4")

DEPLOYED = ["admin", "creator", "user"]
OWN = {("GET", "/api/apikey/self"), ("DELETE", "/api/apikey/self")}
CREATE, ROTATE = ("POST", "/api/apikey"), ("POST", "/api/apikey/{key}/rotate")
VERIFY = ("POST", "/api/apikey/verify")

held = st.lists(st.sampled_from(DEPLOYED), unique=True, max_size=3)
asked_for = st.lists(
    st.sampled_from(
        [*DEPLOYED, "Admin", "ADMIN", "admin ", "admin,user", "\uff41dmin", "*", "root"]
    ),
    max_size=4,
)
owners = st.dictionaries(
    st.sampled_from(
        ["owner", "updated_by", "actor", "caller", "id", "key", "is_active", "generation", "roles"]
    ),
    st.sampled_from(["admin", ["admin"], True, 1, BILLING, {"roles": ["admin"]}]),
    max_size=2,
)


def stored(table: Table) -> dict[str, Any]:
    return {row["alias"]["S"]: body_of(row) for row in table.rows()}


def roles_of(table: Table, alias: str) -> list[str]:
    return [role["S"] for role in stored(table)[alias]["roles"]["L"]]


@pytest.mark.prove
@settings(max_examples=60)
@given(
    route=st.sampled_from(sorted(ROUTES)),
    held=held,
    alias=st.sampled_from(["billing", "caller", "new"]),
    roles=asked_for,
    more=owners,
)
def test_only_an_admin_changes_what_any_key_may_do(  # noqa: PLR0913 - a request has so many parts
    *,
    table: Table,
    route: Route,
    held: list[str],
    alias: str,
    roles: list[str],
    more: dict[str, Any],
) -> None:
    table.clear()
    made("billing", ("user",))
    caller = made("caller", tuple(held))
    body: dict[str, Any] = {"roles": roles} | more
    body |= {"key": caller} if route == VERIFY else {"alias": alias, "name": "N"}
    before = stored(table)
    path = {"key": BILLING} if "{key}" in route[1] else None
    sent = json.dumps(body).encode() if route[0] == "POST" else None

    given_ = ask(route, caller, sent, path)

    after = stored(table)
    if route in OWN:
        assert given_.status == 200
        assert after["caller"].pop("is_active") == {"BOOL": route[0] == "GET"}
        del before["caller"]["is_active"], before["caller"]["updated_by"]
        del after["caller"]["updated_by"]
        assert after == before
    elif "admin" not in held:
        assert given_.status == 403
        assert after == before
    elif given_.status in {200, 201} and route == CREATE:
        assert set(roles) <= set(DEPLOYED)
        assert roles_of(table, alias) == list(dict.fromkeys(body["roles"]))
    else:
        assert given_.status in {200, 400}
        assert {a: row["roles"] for a, row in after.items()} == {
            a: row["roles"] for a, row in before.items()
        }


def test_every_route_asks_for_the_roles_that_this_page_knows() -> None:
    assert ASKED_ROLES == {"Admin": "admin", "VerifyCaller": "admin", "AnyKey": "*"}
    others = {route for route, (_, name) in ROUTES.items() if name != "Admin"}
    assert others == OWN | {VERIFY}
    # Files that are nobody's secret, from a function that may do nothing.
    assert {("GET", "/console"), ("GET", "/console/{file+}")} == OPEN


@pytest.mark.parametrize(
    "name", ["owner", "updated_by", "actor", "caller", "id", "key", "created_by"]
)
def test_owner_from_the_body_is_an_unknown_field(aws: Aws, table: Table, name: str) -> None:
    key = made("root")
    row = stored(table)
    aws.forget()

    body = {"alias": "billing", "name": "N", name: "root"}
    given_ = ask(CREATE, key, json.dumps(body).encode())

    assert (given_.status, given_.body["error"]) == (400, f"unknown field {name}")
    assert stored(table) == row
    assert {*aws.calls} <= {"GetItem"}


def test_who_changed_a_key_is_who_the_authorizer_saw(table: Table) -> None:
    root = made("root")
    ask(CREATE, root, b'{"alias": "billing", "name": "N"}')

    id = root.split("_")[1]
    assert stored(table)["billing"]["updated_by"] == {"S": f"{id}:root"}


def test_superset_of_the_deployments_roles_is_refused_and_nothing_is_made(table: Table) -> None:
    root = made("root")
    for roles in (
        [*DEPLOYED, "root"],
        ["admin", "*"],
        ["admin,creator"],
        [["admin"]],
        ["\uff41dmin"],
    ):
        given_ = ask(CREATE, root, json.dumps({"alias": "a", "name": "N", "roles": roles}).encode())
        assert (given_.status, given_.body["code"]) == (400, "roles_invalid")
    assert stored(table).keys() == {"root"}


def test_empty_roles_are_no_role(table: Table) -> None:  # noqa: ARG001 - the table is there
    key = made("nobody", ())
    for route in sorted(ROUTES.keys() - OWN):
        path = {"key": BILLING} if "{key}" in route[1] else None
        assert ask(route, key, path=path).status == 403
    told = ask(VERIFY, made("root"), json.dumps({"key": key, "roles": ["user"]}).encode())
    assert told.body == {"valid": False, "code": "insufficient_role"}


def test_default_roles_are_none_also_on_renewal(table: Table) -> None:
    root = made("root")
    for _ in range(2):
        ask(CREATE, root, b'{"alias": "billing", "name": "N"}')
        assert roles_of(table, "billing") == []
        made("billing", ("admin",))


@pytest.mark.parametrize("roles", [(), ("user",), ("creator", "user")])
def test_holder_cannot_renew_the_own_key_to_more_roles(
    table: Table, roles: tuple[str, ...]
) -> None:
    key = made("billing", roles)
    before = stored(table)

    body = {"alias": "billing", "name": "N", "roles": ["admin"]}
    assert ask(CREATE, key, json.dumps(body).encode()).status == 403
    assert ask(ROTATE, key, b'{"force": true}', {"key": BILLING}).status == 403

    assert stored(table) == before


def test_rotation_gives_no_role_and_takes_no_field_that_could(table: Table) -> None:
    root = made("root")
    made("billing", ("user",))

    refused = ask(ROTATE, root, b'{"roles": ["admin"]}', {"key": BILLING})
    rotated = ask(ROTATE, root, b"{}", {"key": BILLING})

    assert (refused.status, refused.body["error"]) == (400, "unknown field roles")
    assert rotated.body["roles"] == ["user"]
    assert roles_of(table, "billing") == ["user"]


def test_role_taken_from_a_key_is_gone_from_both_its_strings(table: Table) -> None:
    root, old = made("root"), made("billing", ("admin",))
    new = ask(ROTATE, root, b"{}", {"key": BILLING}).body["key"]
    made("billing", ("user",))

    assert [ask(("GET", "/api/apikey"), key).status for key in (old, new)] == [403, 403]
    assert roles_of(table, "billing") == ["user"]


@pytest.mark.row("T5")
@pytest.mark.parametrize("roles", [(), ("user",), ("creator",)])
def test_nobody_but_an_admin_takes_over_an_alias(table: Table, roles: tuple[str, ...]) -> None:
    made("billing", ("user",))
    stranger = made("stranger", roles)
    before = stored(table)
    for alias in ("billing", " billing ", "bil\u200bling", "Billing"):
        given_ = ask(CREATE, stranger, json.dumps({"alias": alias, "name": "N"}).encode())
        assert (given_.status, given_.body) == (403, {})
    assert stored(table) == before


@pytest.mark.row("T5")
def test_alias_that_only_looks_alike_is_another_key(table: Table) -> None:  # noqa: ARG001
    root = made("root")
    strings = {
        ask(CREATE, root, json.dumps({"alias": alias, "name": "N"}).encode()).body["key"]
        for alias in ("billing", "Billing", "bil\u200bling", "b\u0456lling", "billing\ufe0f")
    }
    assert len(strings) == 5


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_route_that_asked_no_authorizer_of_ours_is_forbidden(
    aws: Aws, table: Table, route: Route
) -> None:
    key = made("billing", ("admin",))
    before = stored(table)
    aws.forget()
    method, resource = route
    body = (
        {"key": key} if route == VERIFY else {"alias": "a", "name": "N"} if route == CREATE else {}
    )
    event = request(
        method,
        resource,
        path={"key": BILLING} if "{key}" in resource else None,
        body=json.dumps(body).encode() if method == "POST" else None,
        caller=None,
    )

    for said in (None, {}, {"principalId": "root"}, {"claims": {"sub": "root"}}, {"id": ""}):
        event["requestContext"]["authorizer"] = said
        given_ = answer(handler_of(route), event)
        assert (given_.status, given_.body["code"]) == (403, "forbidden")

    assert aws.calls == []
    assert stored(table) == before


def test_direct_invoke_is_no_caller_and_takes_none(table: Table) -> None:
    others: list[dict[str, Any]] = [{"authorizer": {"id": "x"}}, {"requestContext": {}}]
    for more in (*others, {"httpMethod": "POST"}):
        given_ = create_key.handler({"alias": "a", "name": "N", **more}, Context())
        assert (given_["status"], given_["code"]) == (400, "field_invalid")
    assert table.rows() == []
    create_key.handler({"alias": "a", "name": "N", "roles": ["admin"]}, Context())
    assert table.row()["updated_by"] == {"S": "iam"}


def test_renewal_over_http_by_an_admin_may_give_and_take(table: Table) -> None:
    root = made("root")
    for roles in (["admin", "user"], ["user"], [], ["creator"]):
        answer(create_key.handler, post({"alias": "billing", "name": "N", "roles": roles}))
        ask(CREATE, root, json.dumps({"alias": "billing", "name": "N", "roles": roles}).encode())
        assert roles_of(table, "billing") == roles
