import time
from dataclasses import replace

import pytest

from keyturn import keytext, service
from keyturn.errors import KeyNotFound, Unavailable
from keyturn.issuer import Issued, Issuer
from keyturn.keys import DAY, Outcome, Reason
from keyturn.settings import settings
from tests.support import NOW, api_key, by
from tests.support_aws import Aws, Table, afterwards, first, lost_reply
from tests.support_desk import AGAIN, GRANT, STORE, VAULT, Desk, rotated


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def test_a_create_stores_what_it_answers(desk: Desk, table: Table) -> None:
    issued = desk.issue(actor="root")

    assert not issued.renewed
    assert issued.key == api_key(
        issued.text,
        metadata={"a": "b"},
        updated_by="root",
        ciphertext=issued.key.ciphertext,
    )
    assert STORE.get(issued.key.id) == issued.key
    assert len(table.rows()) == 1


def test_a_create_without_metadata_has_none(desk: Desk) -> None:
    assert desk.issue(replace(GRANT, metadata=None)).key.metadata == {}


def test_an_uncontended_create_is_one_read_one_kms_call_and_one_write(desk: Desk, aws: Aws) -> None:
    desk.issue()

    assert aws.calls == ["GetItem", "Encrypt", "PutItem"]


def test_a_create_that_loses_renews_the_winner_s_key(desk: Desk, aws: Aws, table: Table) -> None:
    won: list[Issued] = []
    aws.plan("PutItem", first(lambda: won.append(Desk().issue())))

    lost = desk.issue(AGAIN)

    assert lost.renewed
    assert lost.text.reveal() == won[0].text.reveal()
    assert (lost.key.name, lost.key.version) == ("Again", 2)
    assert len(table.rows()) == 1


def test_a_create_whose_reply_was_lost_is_a_create(desk: Desk, aws: Aws) -> None:
    aws.plan("PutItem", lost_reply)

    issued = desk.issue()

    assert not issued.renewed
    assert desk.judge(issued.text.reveal()) is Outcome.VALID


def test_a_create_whose_reply_was_lost_answers_the_string_of_a_rotation_since(
    desk: Desk, aws: Aws
) -> None:
    strings: list[keytext.KeyText] = []
    aws.plan("PutItem", afterwards(lambda: strings.append(rotated(desk))))

    issued = desk.issue()

    assert not issued.renewed
    assert issued.key.generation == 2
    assert issued.text.reveal() == strings[0].reveal()


def test_a_create_of_unknown_outcome_is_found_by_its_repeat(desk: Desk, aws: Aws) -> None:
    aws.plan("PutItem", lost_reply, lost_reply)

    with pytest.raises(Unavailable):
        desk.issue()
    repeated = desk.issue()

    assert repeated.renewed
    assert desk.judge(repeated.text.reveal()) is Outcome.VALID


def test_the_clock_is_the_epoch_in_whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.999)

    assert service.clock() == 1_800_000_000


# revoke


def test_a_key_is_revoked_by_its_string_or_its_id(desk: Desk) -> None:
    for by_id in (True, False):
        text = desk.issue().text
        desk.revoke(text.id if by_id else text.reveal())
        assert desk.judge(text.reveal()) is Outcome.REVOKED


def test_a_revocation_is_one_write_and_nothing_else(desk: Desk, aws: Aws) -> None:
    text = desk.issue().text
    for target in (text.id, text.reveal()):
        desk.issue()
        aws.forget()
        desk.revoke(target)
        assert aws.calls == ["UpdateItem"]


def test_the_right_id_with_a_wrong_secret_revokes_nothing(desk: Desk) -> None:
    text = desk.issue().text

    with pytest.raises(KeyNotFound):
        desk.revoke(keytext.mint("kt", text.id).reveal())
    assert desk.judge(text.reveal()) is Outcome.VALID


@pytest.mark.parametrize("target", ["", "self", "A" * 16, "A" * 18, "kt_x", "\ud800"])
def test_what_is_no_key_is_not_looked_for(target: str, desk: Desk, aws: Aws) -> None:
    with pytest.raises(KeyNotFound):
        desk.revoke(target)
    assert aws.calls == []


@pytest.mark.parametrize(
    ("generation", "now", "outcomes"),
    [
        (2, NOW, (Outcome.REVOKED, Outcome.REVOKED)),
        (1, NOW, (Outcome.VALID, Outcome.EXPIRED)),
    ],
)
def test_a_holder_ends_the_string_it_holds(
    generation: int, now: int, outcomes: tuple[Outcome, Outcome], desk: Desk
) -> None:
    former = desk.issue().text
    current = rotated(desk)

    key = service.revoke_own(former.id, generation, by("self"), STORE, now)

    assert (desk.judge(current.reveal()), desk.judge(former.reveal())) == outcomes
    assert key.revoke_reason is (Reason.COMPROMISED if generation == 2 else None)


def test_a_holder_of_a_string_two_rotations_old_ends_nothing(desk: Desk) -> None:
    first_one = desk.issue().text
    rotated(desk)
    current = rotated(desk)

    with pytest.raises(KeyNotFound):
        service.revoke_own(first_one.id, 1, by("self"), STORE, NOW)
    assert desk.judge(current.reveal()) is Outcome.VALID


# verify


def test_what_is_malformed_is_not_read(desk: Desk, aws: Aws) -> None:
    assert desk.judge("kt_nonsense") is Outcome.MALFORMED
    assert aws.calls == []


def test_what_does_not_exist_is_not_found(desk: Desk) -> None:
    assert desk.judge(keytext.mint("kt", "A" * 17).reveal()) is Outcome.NOT_FOUND


def test_a_verification_is_one_read(desk: Desk, aws: Aws) -> None:
    text = desk.issue().text.reveal()
    aws.forget()

    assert desk.judge(text) is Outcome.VALID
    assert aws.calls == ["GetItem"]


def test_a_key_is_expired_from_its_very_second(desk: Desk) -> None:
    text = desk.issue().text.reveal()

    desk.now = NOW + 15 * DAY - 1
    assert desk.judge(text) is Outcome.VALID
    desk.now += 1
    assert desk.judge(text) is Outcome.EXPIRED


def test_keys_of_another_prefix_go_on_working(desk: Desk) -> None:
    desk.issuer = Issuer(STORE, VAULT, replace(settings(), key_prefix="former"), lambda: NOW)
    text = desk.issue().text.reveal()
    desk.issuer = Desk().issuer

    assert text.startswith("former_")
    assert desk.judge(text) is Outcome.VALID
    assert desk.issue().text.reveal() == text
