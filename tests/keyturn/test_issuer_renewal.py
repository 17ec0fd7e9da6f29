from dataclasses import replace

import pytest

from keyturn import issuer, keytext
from keyturn.errors import AliasConflict, KeyCompromised, Unavailable
from keyturn.keys import DAY, Outcome, Reason
from tests.support import NOW
from tests.support_aws import Aws, Table, first, lost_reply, lost_request, refused
from tests.support_desk import AGAIN, GRANT, Desk, rotated


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def test_a_renewal_keeps_the_string_and_starts_validity_anew(desk: Desk) -> None:
    created = desk.issue()
    desk.now += DAY

    renewed = desk.issue(AGAIN, "root")

    assert renewed.renewed
    assert renewed.text.reveal() == created.text.reveal()
    assert renewed.key == replace(
        created.key,
        name="Again",
        roles=(),
        ttl_days=30,
        expires_at=NOW + 31 * DAY,
        updated_at=NOW + DAY,
        updated_by="root",
        version=2,
    )


def test_an_uncontended_renewal_is_one_read_one_kms_call_and_one_write(
    desk: Desk, aws: Aws
) -> None:
    desk.issue()
    aws.forget()

    desk.issue()

    assert aws.calls == ["GetItem", "Decrypt", "UpdateItem"]


def test_an_expired_key_is_renewed(desk: Desk) -> None:
    text = desk.issue().text.reveal()
    desk.now += 100 * DAY
    assert desk.judge(text) is Outcome.EXPIRED

    desk.issue()

    assert desk.judge(text) is Outcome.VALID


@pytest.mark.parametrize("reason", [Reason.UNSPECIFIED, Reason.SUPERSEDED, Reason.CESSATION])
def test_a_revoked_key_is_active_again_once_renewed(reason: Reason, desk: Desk) -> None:
    text = desk.issue().text.reveal()
    desk.revoke(text, reason)
    assert desk.judge(text) is Outcome.REVOKED

    renewed = desk.issue()

    assert renewed.renewed
    assert desk.judge(text) is Outcome.VALID


def test_a_compromised_key_is_not_renewed(desk: Desk, aws: Aws, table: Table) -> None:
    desk.revoke(desk.issue().text.reveal(), Reason.COMPROMISED)
    before = table.row()
    aws.forget()

    with pytest.raises(KeyCompromised):
        desk.issue()
    assert aws.calls == ["GetItem"]
    assert table.row() == before


def test_a_key_compromised_while_it_is_renewed_is_not_renewed(desk: Desk, aws: Aws) -> None:
    text = desk.issue().text.reveal()
    aws.plan("UpdateItem", first(lambda: Desk().revoke(text, Reason.COMPROMISED)))

    with pytest.raises(KeyCompromised):
        desk.issue()
    assert desk.judge(text) is Outcome.REVOKED


def test_a_renewal_overtaken_by_a_rotation_answers_the_new_string(desk: Desk, aws: Aws) -> None:
    desk.issue()
    strings: list[keytext.KeyText] = []
    aws.plan("UpdateItem", first(lambda: strings.append(rotated(desk))))

    renewed = desk.issue()

    assert renewed.text.reveal() == strings[0].reveal()
    assert renewed.key.generation == 2


def test_a_renewal_whose_reply_was_lost_is_done_once(desk: Desk, aws: Aws) -> None:
    desk.issue()
    aws.plan("UpdateItem", lost_reply)

    assert desk.issue().key.version == 2


def test_an_id_that_another_alias_owns_is_a_conflict(desk: Desk, aws: Aws, table: Table) -> None:
    desk.issue()
    table.put(table.row() | {"alias": {"S": "collides"}})
    before = table.row()
    aws.forget()

    with pytest.raises(AliasConflict):
        desk.issue()
    assert aws.calls == ["GetItem"]
    assert table.row() == before


def test_ciphertexts_swapped_between_rows_hand_out_nothing(desk: Desk, table: Table) -> None:
    desk.issue()
    desk.issue(replace(GRANT, alias="other"))
    one, other = table.rows()
    table.put(one | {"ciphertext": other["ciphertext"]})
    table.put(other | {"ciphertext": one["ciphertext"]})
    before = table.rows()

    for alias in ("billing", "other"):
        with pytest.raises(Unavailable):
            desk.issue(replace(AGAIN, alias=alias))
    assert table.rows() == before


def test_an_older_ciphertext_of_the_same_key_is_not_handed_out(desk: Desk, table: Table) -> None:
    desk.issue()
    old = table.row()["ciphertext"]
    rotated(desk)
    table.put(table.row() | {"ciphertext": old})

    with pytest.raises(Unavailable):
        desk.issue()


@pytest.mark.parametrize("fault", [refused("AccessDeniedException"), lost_request, lost_reply])
@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt"])
def test_without_kms_neither_create_nor_renewal_writes(
    operation: str, fault: object, desk: Desk, aws: Aws, table: Table
) -> None:
    if operation == "Decrypt":
        desk.issue()
    before = table.rows()
    aws.forget()
    aws.always(operation, fault)  # type: ignore[arg-type]

    with pytest.raises(Unavailable):
        desk.issue(AGAIN)
    assert set(aws.calls) == {"GetItem", operation}
    assert table.rows() == before


def test_who_loses_every_race_is_told_in_time(
    desk: Desk, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if every pause is as long as it may be."""
    desk.issue()
    timer, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        timer[0] += seconds + 0.001

    monkeypatch.setattr("time.monotonic", lambda: timer[0])
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("random.uniform", max)
    aws.always("UpdateItem", refused("ConditionalCheckFailedException"))

    with pytest.raises(Unavailable) as error:
        desk.issue()

    assert error.value.detail == "lost every race"
    assert 5 < len(pauses) < 20
    assert sum(pauses) <= issuer.START_OVER
