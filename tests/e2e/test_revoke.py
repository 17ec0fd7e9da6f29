"""DELETE /api/apikey/{key}: revoke a key by its string or its id."""

import time
from urllib.parse import quote

import pytest

from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service

REASONS = ["unspecified", "superseded", "cessation", "compromised"]


def is_done(answer: Answer) -> bool:
    assert answer.status == 200
    assert answer.body == {"message": "API key revoked successfully"}
    return True


def is_not_found(answer: Answer) -> bool:
    return answer.is_error(404, "not_found", "API key not found")


def is_active(service: Service, alias: str) -> bool:
    row = service.row(alias)
    assert row is not None
    return bool(row["is_active"]["BOOL"])


@pytest.mark.parametrize("by", ["key", "id"])
@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "slash"])
def test_key_is_revoked_by_its_string_or_its_id(
    service: Service, alias: str, by: str, slash: str
) -> None:
    made = service.create(alias, roles=["admin"])

    assert is_done(service.delete(made[by] + slash))

    assert not is_active(service, alias)
    assert not service.admits(made["key"])
    assert is_not_found(service.delete(made[by] + slash))


@pytest.mark.parametrize("reason", REASONS)
def test_reason_is_kept(service: Service, alias: str, reason: str) -> None:
    made = service.create(alias)

    assert is_done(service.delete(made["id"], f"?reason={reason}"))

    row = service.row(alias)
    assert row is not None
    assert row["revoke_reason"] == {"S": reason}
    assert abs(int(row["revoked_at"]["N"]) - time.time()) < 60


def test_reason_left_out_is_unspecified(service: Service, alias: str) -> None:
    made = service.create(alias)

    assert is_done(service.delete(made["key"]))

    row = service.row(alias)
    assert row is not None
    assert row["revoke_reason"] == {"S": "unspecified"}


@pytest.mark.parametrize(
    "query",
    [
        "?reason=",
        "?reason",
        "?reason=because",
        "?reason=Compromised",
        "?reason=%20compromised",
        "?reason=compromised%20",
        "?reason=compromised,superseded",
        "?reason=compromised&reason=compromised",
        "?reason=superseded&reason=compromised",
        "?reason[]=compromised",
        "?Reason=compromised",
        "?force=true",
        "?reason=compromised&x=1",
    ],
)
def test_reason_that_is_none_is_400_and_revokes_nothing(
    service: Service, alias: str, query: str
) -> None:
    made = service.create(alias)

    assert service.delete(made["id"], query).is_error(400, "field_invalid")

    assert is_active(service, alias)


def test_reason_may_be_percent_encoded(service: Service, alias: str) -> None:
    assert is_done(service.delete(service.create(alias)["id"], "?%72eason=%63essation"))


def encoded(text: str) -> str:
    """Percent-encode every byte."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize("by", ["key", "id"])
def test_percent_encoded_key_is_no_key(service: Service, alias: str, by: str) -> None:
    """No client need encode one: REST APIs hand path parameters over as they were sent."""
    made = service.create(alias)

    assert service.delete(encoded(made[by])).status == 404

    assert is_active(service, alias)


def wrong(key: str) -> dict[str, str]:
    parsed = keytext.parse(key)
    assert parsed is not None
    return {
        "the id's last character dropped": parsed.id[:-1],
        "the id's last character doubled": parsed.id + parsed.id[-1],
        "the id in another case": parsed.id.swapcase(),
        "an id without a row": keytext.id_of("", "nobody has this alias"),
        "the right id and a wrong secret": keytext.mint(parsed.prefix, parsed.id).reveal(),
        "a broken check": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "one character dropped": key[:30] + key[31:],
        "one character doubled": key[:30] + key[29:],
        "two characters swapped": key[:30] + key[31] + key[30] + key[32:]
        if key[30] != key[31]
        else key[:-6] + "000000",
        "another prefix": "x" + key,
        "the string twice": key + key,
        "encoded twice": quote(encoded(key), safe=""),
        "a blank after it": f"{key}%20",
        "a line end after it": f"{key}%0A",
        "a zero byte after it": f"{key}%00",
        "a slash in it": key.replace("_", "%2F"),
        "a plus for a blank": f"+{key}",
        "an alias": "an-alias",
        "a wildcard": "*",
        "bytes that are no UTF-8": "%FF%FE",
        "a broken escape": "%ZZ",
        "a lone percent sign": f"{key}%",
        "dots": "..",
        "encoded dots": "%2E%2E",
        "an emoji": quote("\U0001f511"),
        "very long": "A" * 6_000,
        "much of the string": key * 60,
    }


@pytest.mark.parametrize("what", wrong(keytext.mint("kt", "0" * 17).reveal()))
def test_anything_but_the_key_is_404_and_revokes_nothing(
    service: Service, alias: str, what: str
) -> None:
    made = service.create(alias)

    assert is_not_found(service.delete(wrong(made["key"])[what]))

    assert is_active(service, alias)


def test_no_key_at_all_is_no_such_route(service: Service) -> None:
    for path in (PATH, f"{PATH}/", f"{PATH}//", f"{PATH}/a/b"):
        answer = service.send("DELETE", path, headers=service.bearer())
        assert answer.is_error(404, "route_not_found", "no such route")


def test_expired_key_that_was_never_revoked_can_be_revoked(service: Service, alias: str) -> None:
    made = service.create(alias)
    service.change(alias, "expires_at", {"N": "1"})

    assert is_done(service.delete(made["key"]))
    assert is_not_found(service.delete(made["key"]))


def test_revoked_key_that_was_renewed_can_be_revoked_again(service: Service, alias: str) -> None:
    made = service.create(alias)
    for _ in range(3):
        assert is_done(service.delete(made["key"]))
        service.create(alias)


def test_revocation_touches_no_other_key(service: Service, alias: str) -> None:
    keys = [service.create(f"{alias}-{number}") for number in range(3)]

    assert is_done(service.delete(keys[1]["id"]))

    assert [is_active(service, f"{alias}-{number}") for number in range(3)] == [True, False, True]


def test_body_of_a_revocation_is_not_looked_at(service: Service, alias: str) -> None:
    made = service.create(alias)

    answer = service.send("DELETE", f"{PATH}/{made['id']}", b"\xff{", service.bearer())

    assert is_done(answer)


def test_revocation_costs_one_write_and_no_read(service: Service, alias: str) -> None:
    made = service.create(alias)
    service.wire.heal()

    assert is_done(service.delete(made["key"]))

    assert service.wire.calls == ["GetItem", "UpdateItem"]  # the read is the authorizer's
