"""What becomes of another service's keys as they come in."""

import hashlib
import json
from typing import Any

import pytest

import import_keys
from keyturn import foreign, keytext, service
from keyturn.errors import FieldInvalid, Unavailable
from keyturn.keys import DAY, Outcome, Reason, Rotation
from tests.support import NOW, Clock, Context, Output, by
from tests.support_aws import Aws, Table, lost_reply, refused
from tests.support_desk import GRANT, STORE, Desk

TEXT = "5b1e" * 16
BILLING = keytext.id_of("", "billing")
ROW = {
    "alias": "billing",
    "name": "Billing",
    "roles": ["user"],
    "key": TEXT,
    "is_active": True,
    "expire": "2027-02-01T00:00:00+01:00",
}
EXPIRE = 1_801_436_400
_TIME = "expire: must be a time in ISO 8601 with its zone, from 1970 to 9999 in UTC"
ROTATION = Rotation(id="r", grace_seconds=DAY)


@pytest.fixture(autouse=True)
def _prepared(aws: Aws, clock: Clock) -> None:
    """Every test has AWS, and a clock that stands still."""


def brought(*rows: Any, **more: Any) -> list[dict[str, str]]:  # noqa: ANN401 - any JSON
    event = json.loads(json.dumps({"rows": rows, **more}))
    results: list[dict[str, str]] = import_keys.handler(event, Context())["results"]
    return results


def outcomes(*rows: Any, **more: Any) -> list[str]:  # noqa: ANN401 - any JSON
    return [result["outcome"] for result in brought(*rows, **more)]


def judged(text: str) -> tuple[Outcome, str | None]:
    verdict = service.verify(text, None, STORE.get, NOW, import_keys.intake.find)
    return verdict.outcome, verdict.credential.alias if verdict.credential else None


def test_an_imported_string_goes_on_working(table: Table) -> None:
    assert judged(TEXT) == (Outcome.NOT_FOUND, None)

    assert brought(ROW) == [{"outcome": "imported", "detail": ""}]

    assert judged(TEXT) == (Outcome.VALID, "billing")
    key = STORE.get(BILLING)
    assert key is not None
    assert (key.name, key.roles, key.is_active, key.expires_at, key.generation) == (
        *("Billing", ("user",), True, EXPIRE, 1),
    )
    assert (key.ttl_days, key.metadata, key.updated_by, key.created_at) == (15, {}, "import", NOW)
    assert len(table.rows()) == 2


def test_its_renewal_keeps_returning_it_and_its_rotation_makes_it_ours() -> None:
    brought(ROW)
    desk = Desk()

    renewed = desk.issue(GRANT)
    assert (renewed.renewed, renewed.text.reveal()) == (True, TEXT)

    rotated = desk.issuer.rotate(BILLING, ROTATION, by("me"))
    assert keytext.parse(rotated.text.reveal()) is not None
    assert judged(rotated.text.reveal()) == (Outcome.VALID, "billing")
    assert judged(TEXT) == (Outcome.VALID, "billing")  # in its grace
    desk.revoke(BILLING)
    assert judged(TEXT) == (Outcome.REVOKED, "billing")


def test_a_key_imported_as_a_hash_is_verified_but_never_shown(aws: Aws) -> None:
    hashed = {**ROW, "sha256": hashlib.sha256(TEXT.encode()).hexdigest().upper()}
    del hashed["key"]
    assert outcomes(hashed) == ["imported"]
    assert "Encrypt" not in aws.calls

    assert judged(TEXT) == (Outcome.VALID, "billing")
    renewed = Desk().issue(GRANT)
    assert renewed.renewed
    assert renewed.known is None
    with pytest.raises(FieldInvalid, match="imported as a hash"):
        _ = renewed.text
    assert judged(TEXT) == (Outcome.VALID, "billing")


def test_an_imported_string_is_revoked_by_itself() -> None:
    brought(ROW)

    find = import_keys.intake.find
    service.revoke(TEXT, Reason.SUPERSEDED, by("me"), STORE, NOW, find=find)

    assert judged(TEXT) == (Outcome.REVOKED, "billing")


@pytest.mark.parametrize("expire", ["2027-01-15T08:00:00Z", "2020-01-01T00:00:00Z"])
def test_a_key_that_has_expired_is_refused_as_that(expire: str) -> None:
    brought({**ROW, "expire": expire})

    assert judged(TEXT) == (Outcome.EXPIRED, "billing")


def test_a_key_that_was_inactive_is_revoked_and_can_be_renewed() -> None:
    brought({**ROW, "is_active": False})

    assert judged(TEXT) == (Outcome.REVOKED, "billing")
    key = STORE.get(BILLING)
    assert key is not None
    assert (key.revoked_at, key.revoke_reason, key.due_at) == (NOW, Reason.UNSPECIFIED, None)
    assert Desk().issue(GRANT).text.reveal() == TEXT
    assert judged(TEXT) == (Outcome.VALID, "billing")


def test_a_repeat_doubles_nothing_and_asks_kms_for_nothing(aws: Aws, table: Table) -> None:
    brought(ROW)
    Desk().revoke(BILLING)
    before = table.rows()
    aws.forget()

    assert outcomes(ROW) == ["present"]

    assert aws.calls == ["BatchGetItem"]
    assert table.rows() == before


def test_what_conflicts_is_said_and_keeps_nothing_else_out() -> None:
    Desk().issue(GRANT)
    other = {**ROW, "alias": "shipping", "key": "a" * 64}

    assert brought(
        ROW,
        other,
        {**other, "alias": "again"},
        {**other, "key": "b" * 64},
        {**ROW, "alias": "new", "key": "c" * 64},
        other,
    ) == [
        {"outcome": "alias_taken", "detail": "the alias has another key"},
        {"outcome": "imported", "detail": ""},
        {"outcome": "key_known", "detail": "the string is another alias's key"},
        {"outcome": "alias_taken", "detail": "the alias has another key"},
        {"outcome": "imported", "detail": ""},
        {"outcome": "present", "detail": ""},
    ]
    assert judged("a" * 64) == (Outcome.VALID, "shipping")
    assert judged("b" * 64) == (Outcome.NOT_FOUND, None)
    assert judged(TEXT) == (Outcome.NOT_FOUND, None)


def test_whoever_comes_between_the_look_and_the_write_is_met_by_the_conditions(aws: Aws) -> None:
    taken = {**ROW, "alias": "shipping", "key": "a" * 64}

    def first(call: Any) -> Any:  # noqa: ANN401 - the wire's
        answer = call()
        Desk().issue(GRANT)
        return answer

    aws.plan("BatchGetItem", first)

    assert outcomes(ROW, taken) == ["alias_taken", "imported"]
    assert judged("a" * 64) == (Outcome.VALID, "shipping")
    assert judged(TEXT) == (Outcome.NOT_FOUND, None)


def test_a_dry_run_says_the_same_and_writes_nothing(aws: Aws, table: Table) -> None:
    assert outcomes(ROW, {**ROW, "alias": ""}, ROW, dry_run=True) == [
        *("imported", "invalid", "present"),
    ]

    assert not {"Encrypt", "TransactWriteItems"} & set(aws.calls)
    assert table.rows() == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"alias": " "}, "alias is required"),
        ({"alias": "a" * 129}, "alias: must be at most 128 characters"),
        ({"name": None}, "Name is required"),
        ({"roles": ["root"]}, "roles must be a subset of ['admin', 'creator', 'user']"),
        ({"key": "short"}, f"key: must be {foreign.RULE}"),
        ({"key": 7}, f"key: must be {foreign.RULE}"),
        ({"key": keytext.mint("kt", BILLING).reveal()}, f"key: must be {foreign.RULE}"),
        ({"key": None}, f"key: must be {foreign.RULE}"),
        ({"sha256": "0" * 64}, "key: either it or sha256 is required"),
        ({"sha256": "0" * 63}, "sha256: must be 64 hexadecimal digits"),
        ({"expire": None}, _TIME),
        ({"expire": "2027-02-01T00:00:00"}, _TIME),
        ({"expire": "tomorrow"}, _TIME),
        ({"expire": 1_800_000_000}, _TIME),
        ({"expire": "9999-12-31T23:59:59-01:00"}, _TIME),
        ({"expire": "0001-01-01T00:00:00+01:00"}, _TIME),
        ({"is_active": "yes"}, "is_active: Input should be a valid boolean"),
        ({"ttl_days": 0}, "ttl_days: must be an integer from 1 to 365"),
        ({"role": "user"}, "unknown field role"),
    ],
)
def test_a_bad_row_is_said_and_stops_no_other(change: dict[str, Any], detail: str) -> None:
    good = {**ROW, "alias": "shipping", "key": "a" * 64}

    assert brought({**ROW, **change}, good) == [
        {"outcome": "invalid", "detail": detail},
        {"outcome": "imported", "detail": ""},
    ]


def test_rows_that_are_all_bad_are_said_one_by_one(aws: Aws) -> None:
    assert outcomes({**ROW, "roles": ["root"]}, {}) == ["invalid", "invalid"]
    assert aws.calls == []


@pytest.mark.parametrize(
    "event", [None, [], {}, {"rows": []}, {"rows": [ROW] * 26}, {"rows": ["x"]}, {"rows": ROW}]
)
def test_an_event_of_another_shape_is_refused_and_not_quoted(event: object) -> None:
    with pytest.raises(FieldInvalid) as error:
        import_keys.handler(event, Context())
    assert TEXT not in str(error.value)


def test_a_whole_batch_is_one_transaction(aws: Aws) -> None:
    rows = [{**ROW, "alias": f"a{n}", "key": f"{n:064x}"} for n in range(5)]

    assert outcomes(*rows) == ["imported"] * 5

    assert aws.calls.count("TransactWriteItems") == 1
    assert aws.calls.count("BatchGetItem") == 1
    assert aws.calls.count("Encrypt") == 5


@pytest.mark.parametrize("operation", ["BatchGetItem", "Encrypt", "TransactWriteItems"])
def test_who_does_not_answer_ends_it_and_a_repeat_does_the_rest(aws: Aws, operation: str) -> None:
    aws.always(operation, refused("AccessDeniedException"))

    with pytest.raises(Unavailable):
        brought(ROW)

    aws.heal()
    assert outcomes(ROW) == ["imported"]


def test_a_lost_reply_is_no_second_key(aws: Aws, table: Table) -> None:
    aws.plan("TransactWriteItems", lost_reply)

    # DynamoDB knows the repeat by its token; moto does not, and finds the rows there.
    assert outcomes(ROW)[0] in {"imported", "present"}
    assert judged(TEXT) == (Outcome.VALID, "billing")
    assert len(table.rows()) == 2


def test_no_string_reaches_the_log_or_the_table(output: Output, table: Table) -> None:
    brought(ROW, {**ROW, "alias": "x", "key": f"{TEXT} "}, {**ROW, "sha256": "q" * 64})

    assert '"outcomes":{"imported":1,"invalid":2}' in output.text.replace(" ", "")
    assert TEXT not in output.text
    assert TEXT not in str(table.rows())


def test_its_validity_is_its_own_until_then() -> None:
    brought({**ROW, "ttl_days": 90})

    rotated = Desk().issuer.rotate(BILLING, ROTATION, by("me"))

    assert rotated.key.expires_at == NOW + 90 * DAY
