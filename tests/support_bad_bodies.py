"""Bodies that POST /api/apikey refuses, and the words in which it does."""

from typing import NamedTuple

INVALID = "invalid or missing JSON body"
ALIAS = "alias is required"
NAME = "Name is required"
ROLES = "roles must be a subset of ['admin', 'creator', 'user']"
TTL = "ttl_days: must be an integer from 1 to 365"
REJECTED = "Canary"  # stands in what is sent; must not stand in what is answered or logged


class Case(NamedTuple):
    name: str
    body: object
    code: str
    message: str
    status: int = 400


def wrong(message: str, /, **fields: object) -> Case:
    """Return a body that is right but for these fields."""
    code = {ALIAS: "alias_required", NAME: "name_required", ROLES: "roles_invalid"}
    body = {"alias": "billing", "name": "Billing", **fields}
    return Case(ascii(fields), body, code.get(message, "field_invalid"), message)


def no_object(name: str, body: bytes | None) -> Case:
    return Case(name, body, "invalid_body", INVALID)


GOOD = b'{"alias": "billing", "name": "Canary"}'
FALSY: tuple[object, ...] = (None, "", 0, 0.0, False, [], {})
BAD_ROLES: tuple[object, ...] = (
    *(None, "admin", {}, {"admin": 1}, 5, True, 1.5),
    *(["Canary"], ["admin", "Canary"], ["ADMIN"], ["admin "], [""]),
    *([1], [None], [True], [[]], [["admin"]], [{}]),
)
NOT_INTEGERS: tuple[object, ...] = (
    *(1.5, 2.0, True, False, "7", "Canary", None, [7], {"Canary": 7}),
)
STRING = "should be a valid string"

BODIES: list[Case] = [
    # not a JSON object
    no_object("no body", None),
    no_object("empty body", b""),
    no_object("blank body", b" \n\t"),
    no_object("not JSON", b"Canary"),
    no_object("cut off", GOOD[:-1]),
    no_object("two documents", GOOD + GOOD),
    no_object("single quotes", GOOD.replace(b'"', b"'")),
    no_object("trailing comma", GOOD.replace(b"}", b",}")),
    no_object("array", b'["Canary"]'),
    no_object("array of an object", b"[" + GOOD + b"]"),
    no_object("number", b"5"),
    no_object("string", b'"Canary"'),
    no_object("true", b"true"),
    no_object("null", b"null"),
    no_object("empty object", b"{}"),
    no_object("4,000 opening brackets", b"[" * 4000),
    no_object("4,000 opening braces", b'{"a":' * 3000),
    no_object("4,000 brackets in a field", b'{"alias":' + b"[" * 8000 + b"]" * 8000 + b"}"),
    no_object("NaN", b'{"alias": "a", "name": "A", "ttl_days": NaN}'),
    no_object("Infinity", b'{"alias": "a", "name": "A", "ttl_days": -Infinity}'),
    no_object("10,000 digits", b'{"alias": ' + b"9" * 10_000 + b', "name": "A"}'),
    no_object("not UTF-8", GOOD.replace(b"C", b"\xff")),
    no_object("Latin-1", '{"alias": "\xe9", "name": "A"}'.encode("latin-1")),
    no_object("UTF-16", GOOD.decode().encode("utf-16")),
    no_object("byte order mark", b"\xef\xbb\xbf" + GOOD),
    no_object("surrogate in UTF-8", GOOD.replace(b"C", b"\xed\xa0\x80")),
    no_object("control character in a string", GOOD.replace(b"C", b"\n")),
    Case("16 KiB + 1", GOOD + b" " * 16_347, "body_too_large", "body must be at most 16 KiB", 413),
    Case("16 KiB + 1 of rubbish", b"\xff" * 16_385, "body_too_large", "", 413),
    # alias
    Case("no alias", {"name": "A"}, "alias_required", ALIAS),
    *(wrong(ALIAS, alias=value) for value in (*FALSY, " \t\n\u3000")),
    *(
        wrong("alias: must be a string or an integer", alias=value)
        for value in (True, 1.5, ["Canary"], {"Canary": 1})
    ),
    wrong("alias: must be at most 128 characters", alias="C" * 129),
    wrong("alias: must be at most 128 characters", alias=10**128),
    *(
        wrong(
            "alias: must not contain control characters or lone surrogates",
            alias=f"Canary{value}x",
        )
        for value in ("\0", "\n", "\x7f", "\x85", "\ud800", "\udfff")
    ),
    # name
    Case("no name", {"alias": "a"}, "name_required", NAME),
    *(wrong(NAME, name=value) for value in FALSY),
    *(
        wrong(f"name: Input {STRING}", name=value)
        for value in (True, 5, 1.5, ["Canary"], {"Canary": 1})
    ),
    wrong("name: must be at most 256 characters", name="C" * 257),
    wrong("name: must not contain lone surrogates", name="Canary\udc00"),
    # roles
    *(wrong(ROLES, roles=value) for value in BAD_ROLES),
    # ttl_days
    *(wrong(TTL, ttl_days=value) for value in (0, -1, 366, 10**30)),
    *(wrong("ttl_days: Input should be a valid integer", ttl_days=value) for value in NOT_INTEGERS),
    Case(
        "1e400",
        b'{"alias": "a", "name": "A", "ttl_days": 1e400}',
        "field_invalid",
        "ttl_days: Input should be a valid integer",
    ),
    # metadata
    *(
        wrong("metadata: Input should be a valid dictionary", metadata=value)
        for value in (None, [], ["Canary"], "Canary", 5, True)
    ),
    *(
        wrong(f"metadata: Input {STRING}", metadata={"Canary": value})
        for value in (1, None, True, 1.5, ["Canary"], {"nested": "Canary"})
    ),
    wrong("metadata: must be at most 2 KiB as JSON", metadata={"a": "C" * 2040}),
    wrong(
        "metadata: must not contain lone surrogates",
        metadata={"a": "Canary\ud800"},
    ),
    wrong(
        "metadata: must not contain lone surrogates",
        metadata={"Canary\ud800": "a"},
    ),
    # unknown fields
    *(
        wrong(f"unknown field {name}", **{name: "Canary"})
        for name in ("key", "is_active", "generation", "self", "_", "x" * 32, "expire", "__class__")
    ),
    *(
        wrong("unknown field", **{name: 1})
        for name in ("Canary", "x" * 33, "a-b", "\xe9", "", "a\n", "ttlDays", "roles[0]", "\ud800")
    ),
    # two at once: in the contract's order, whatever the order they were sent in
    Case("neither", {"roles": None, "x": 1}, "alias_required", ALIAS),
    Case("name before roles", {"roles": None, "alias": "a", "x": 1}, "name_required", NAME),
    Case("name before alias's form", {"alias": True}, "name_required", NAME),
    Case("name before ttl", {"ttl_days": 0, "alias": "a"}, "name_required", NAME),
    Case("alias before ttl", {"ttl_days": 0, "name": "A"}, "alias_required", ALIAS),
    wrong(ROLES, ttl_days=0, roles=["Canary"]),
    wrong(ROLES, name=5, roles=["Canary"]),
    wrong(ROLES, x=0, roles=["Canary"]),
    wrong(TTL, x=0, ttl_days=0),
    wrong(f"name: Input {STRING}", ttl_days=0, name=5),
]
