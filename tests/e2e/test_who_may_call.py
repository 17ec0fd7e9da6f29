"""Who may call: the credentials, what is told to whom is refused, and that a revocation holds."""

import time

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Headers, Service

BODY = b'{"alias": "never-stored", "name": "name"}'


@pytest.fixture
def key(service: Service) -> str:
    """The first admin's."""
    return service.stack.admin_key


def post(service: Service, headers: Headers) -> Answer:
    """Send a create without a body, which only who is let in gets to hear."""
    return service.send("POST", PATH, headers=headers)


def is_let_in(answer: Answer) -> bool:
    return answer.is_error(400, "invalid_body", "invalid or missing JSON body")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Authorization", "Bearer {}"),
        ("Authorization", "bearer {}"),
        ("Authorization", "BEARER   {}"),
        ("authorization", "bEaReR {}  "),
        ("X-API-Key", "{}"),
        ("x-api-key", "{}"),
        ("X-Api-Key", "  {} "),
    ],
)
def test_key_is_presented_as_bearer_or_by_its_own_header(
    service: Service, key: str, name: str, form: str
) -> None:
    assert is_let_in(post(service, [(name, form.format(key))]))


def test_both_headers_may_present_the_same_key(service: Service, key: str) -> None:
    headers = [("Authorization", f"Bearer {key}"), ("X-API-Key", key)]

    assert is_let_in(post(service, headers))


SMUGGLED = {
    "nothing": [],
    "no value": [("Authorization", "")],
    "no key": [("Authorization", "Bearer")],
    "no key after a blank": [("Authorization", "Bearer ")],
    "no key of its own": [("X-API-Key", "")],
    "no scheme": [("Authorization", "{key}")],
    "basic": [("Authorization", "Basic {key}")],
    "another scheme": [("Authorization", "Token {key}")],
    "a scheme that begins alike": [("Authorization", "Bearers {key}")],
    "the scheme twice": [("Authorization", "Bearer Bearer {key}")],
    "the scheme in the other header": [("X-API-Key", "Bearer {key}")],
    "another scheme beside the key": [("Authorization", "Basic abc"), ("X-API-Key", "{key}")],
    "an empty header beside the key": [("Authorization", ""), ("X-API-Key", "{key}")],
    "an empty key beside the header": [("Authorization", "Bearer {key}"), ("X-API-Key", "")],
    "two keys": [("Authorization", "Bearer {key}"), ("X-API-Key", "{other}")],
    "two keys the other way": [("Authorization", "Bearer {other}"), ("X-API-Key", "{key}")],
    "one header repeated": [("Authorization", "Bearer {key}")] * 2,
    "one header repeated, in another case": [
        ("Authorization", "Bearer {key}"),
        ("authorization", "Bearer {key}"),
    ],
    "the other header repeated": [("X-API-Key", "{key}")] * 2,
    "a repeated header, first good": [
        ("Authorization", "Bearer {key}"),
        ("Authorization", "Bearer {other}"),
    ],
    "a repeated header, last good": [
        ("Authorization", "Bearer {other}"),
        ("Authorization", "Bearer {key}"),
    ],
    "two keys in one header": [("X-API-Key", "{key},{other}")],
    "two keys in one bearer": [("Authorization", "Bearer {key} {key}")],
    "a cookie": [("Cookie", "Authorization=Bearer {key}; X-API-Key={key}")],
    "a proxy's header": [("Proxy-Authorization", "Bearer {key}")],
    "a header with underscores": [("X_API_Key", "{key}")],
    "a key in another alphabet": [("X-API-Key", "\u00e9{key}")],
}


@pytest.mark.parametrize("headers", SMUGGLED.values(), ids=SMUGGLED)
def test_anything_but_one_key_is_401(
    service: Service, key: str, headers: list[tuple[str, str]]
) -> None:
    other = service.create("another-admin", roles=["admin"])["key"]
    service.wire.heal()
    filled = [(name, value.format(key=key, other=other)) for name, value in headers]

    answer = service.send("POST", PATH, BODY, filled)

    assert answer.is_error(401, "unauthorized")
    assert answer.headers["www-authenticate"] == ["Bearer"]
    assert service.row("never-stored") is None


def test_key_in_the_query_or_the_body_is_no_credential(service: Service, key: str) -> None:
    in_query = service.send("POST", f"{PATH}?Authorization=Bearer%20{key}&X-API-Key={key}", BODY)
    in_body = service.send("POST", PATH, b'{"alias": "a", "name": "n", "key": "%b"}' % key.encode())

    assert in_query.is_error(401, "unauthorized")
    assert in_body.is_error(401, "unauthorized")


def broken(key: str) -> dict[str, str]:
    parsed = keytext.parse(key)
    assert parsed is not None
    return {
        "one character changed": key[:30] + ("A" if key[30] != "A" else "B") + key[31:],
        "one character dropped": key[:-1],
        "one character doubled": key + key[-1],
        "in upper case": key.upper(),
        "another secret": keytext.mint(parsed.prefix, parsed.id).reveal(),
        "an alias without a row": keytext.mint("kt", keytext.id_of("", "nobody")).reveal(),
        "its id alone": parsed.id,
        "very long": key * 150,
        "not ours": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "a wildcard": "*",
    }


@pytest.mark.parametrize("what", broken(keytext.mint("kt", "0" * 17).reveal()))
def test_malformed_or_unknown_key_is_401(service: Service, key: str, what: str) -> None:
    assert post(service, service.bearer(broken(key)[what])).is_error(401, "unauthorized")


def test_key_that_cannot_be_one_never_reaches_the_database(service: Service, key: str) -> None:
    for what in ("one character changed", "one character dropped", "very long", "not ours"):
        post(service, service.bearer(broken(key)[what]))

    assert service.wire.calls == []


@pytest.mark.row("T9")
def test_every_refused_key_is_told_the_same(service: Service, key: str, alias: str) -> None:
    expired = service.create(f"{alias}-expired", roles=["admin"])["key"]
    service.change(f"{alias}-expired", "expires_at", {"N": "1"})
    revoked = service.create(f"{alias}-revoked", roles=["admin"])
    assert service.delete(revoked["id"]).status == 200

    keys = [expired, revoked["key"], *broken(key).values()]
    answers = [post(service, service.bearer(each)) for each in keys]

    told = {(answer.status, answer.body["error"]) for answer in answers}
    assert told == {(401, "missing or invalid API key")}


@pytest.mark.parametrize("roles", [[], ["user"], ["creator", "user"]])
def test_valid_key_without_the_role_is_403(service: Service, alias: str, roles: list[str]) -> None:
    made = service.create(alias, roles=roles)

    assert service.post({"alias": "x", "name": "x"}, key=made["key"]).is_error(403, "forbidden")
    assert service.delete(made["id"], by=made["key"]).is_error(403, "forbidden")
    assert service.row("x") is None
    row = service.row(alias)
    assert row is not None
    assert row["is_active"] == {"BOOL": True}


def test_role_is_what_the_row_says_now(service: Service, alias: str) -> None:
    key = service.create(alias, roles=["admin"])["key"]
    assert service.admits(key)

    service.create(alias, roles=["user"])

    assert service.post({}, key=key).is_error(403, "forbidden")


def test_key_expires_in_the_second_it_says(service: Service, alias: str) -> None:
    key = service.create(alias, roles=["admin"])["key"]
    ends = int(time.time()) + 2
    service.change(alias, "expires_at", {"N": str(ends)})
    admitted = service.admits(key)
    before = time.time()
    assert admitted or before >= ends

    time.sleep(max(0.0, ends - time.time()))

    assert post(service, service.bearer(key)).is_error(401, "unauthorized")


def test_revoked_key_is_refused_at_once(service: Service, alias: str) -> None:
    made = service.create(alias, roles=["admin"])
    for _ in range(5):
        assert service.admits(made["key"])
        assert service.delete(made["key"]).status == 200
        assert post(service, service.bearer(made["key"])).is_error(401, "unauthorized")
        service.create(alias, roles=["admin"])
    assert service.admits(made["key"])


def test_key_may_revoke_itself(service: Service, alias: str) -> None:
    made = service.create(alias, roles=["admin"])

    assert service.delete(made["key"], by=made["key"]).status == 200
    assert service.delete(made["key"], by=made["key"]).is_error(401, "unauthorized")


def test_row_that_cannot_be_read_is_503_and_never_401(service: Service, alias: str) -> None:
    key = service.create(alias, roles=["admin"])["key"]
    service.change(alias, "schema", {"N": "2"})

    assert post(service, service.bearer(key)).is_error(503, "unavailable")


def test_admission_costs_one_read(service: Service, key: str) -> None:
    assert service.admits(key)

    assert service.wire.calls == ["GetItem"]
    (read,) = service.wire.passed
    assert read.body["ConsistentRead"] is True
