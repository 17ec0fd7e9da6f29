"""The memory of what was read to verify: how old it may be, and what is never in it."""

from collections.abc import Callable

import pytest

from keyturn import keytext, service
from keyturn.errors import Unavailable
from keyturn.keys import DAY, Credential, Outcome, Reason
from keyturn.reader import CACHED_ROWS, Reader, cached, reader
from tests.support import NOW, Clock
from tests.support_aws import Aws, Table, refused
from tests.support_desk import GRANT, Desk, rotated

Judge = Callable[[str], Outcome]
Remembering = Callable[[int], Judge]


@pytest.fixture
def desk(aws: Aws, clock: Clock) -> Desk:  # noqa: ARG001 - time and AWS are what it works with
    return Desk()


@pytest.fixture
def key(desk: Desk, aws: Aws) -> str:
    text = desk.issue().text.reveal()
    aws.forget()
    return text


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    """How a process judges that may remember for so many seconds."""

    def process(seconds: int) -> Judge:
        monkeypatch.setenv("VERIFY_CACHE_SECONDS", str(seconds))
        read = reader()
        return lambda text: service.verify(text, None, read, service.clock()).outcome

    return process


@pytest.mark.parametrize("setting", [None, "", "0"], ids=repr)
def test_nothing_is_remembered_unless_the_setting_says_so(
    setting: str | None, key: str, desk: Desk, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VERIFY_CACHE_SECONDS", raising=False)
    if setting is not None:
        monkeypatch.setenv("VERIFY_CACHE_SECONDS", setting)
    read = reader()
    assert service.verify(key, None, read, NOW).outcome is Outcome.VALID

    desk.revoke(key)

    assert service.verify(key, None, read, NOW).outcome is Outcome.REVOKED
    assert aws.calls == ["GetItem", "UpdateItem", "GetItem"]


def test_without_a_memory_there_is_not_even_a_wrapper() -> None:
    def read(id: str) -> Credential | None:
        raise AssertionError(id)

    assert cached(read, 0) is read


@pytest.mark.row("T6")
@pytest.mark.parametrize("seconds", [1, 7, 60])
def test_a_revoked_key_is_accepted_for_the_stated_seconds_and_no_longer(
    seconds: int, key: str, desk: Desk, clock: Clock, remembering: Remembering
) -> None:
    judge = remembering(seconds)
    assert judge(key) is Outcome.VALID
    desk.revoke(key)

    clock.now = NOW + seconds - 1
    assert judge(key) is Outcome.VALID
    clock.now = NOW + seconds
    assert judge(key) is Outcome.REVOKED


def test_a_memory_costs_no_read(key: str, clock: Clock, aws: Aws, remembering: Remembering) -> None:
    judge = remembering(60)

    for clock.now in range(NOW, NOW + 120, 7):
        judge(key)

    assert aws.calls == ["GetItem", "GetItem"]


def test_asking_again_does_not_make_a_memory_last_longer(
    key: str, desk: Desk, clock: Clock, remembering: Remembering
) -> None:
    judge = remembering(10)
    judge(key)
    desk.revoke(key)

    outcomes = []
    for clock.now in range(NOW, NOW + 12):
        outcomes.append(judge(key))

    assert outcomes == [Outcome.VALID] * 10 + [Outcome.REVOKED] * 2


def test_time_in_which_the_process_was_frozen_counts(
    key: str, desk: Desk, clock: Clock, remembering: Remembering
) -> None:
    """Only the wall clock moves here, as it is where Lambda holds a process between two events."""
    judge = remembering(60)
    judge(key)
    desk.revoke(key)

    clock.now = NOW + 60

    assert judge(key) is Outcome.REVOKED


def test_that_there_is_no_row_is_remembered_too(
    desk: Desk, clock: Clock, aws: Aws, remembering: Remembering
) -> None:
    judge = remembering(5)
    unknown = keytext.mint("kt", keytext.id_of("", "billing")).reveal()
    assert judge(unknown) is Outcome.NOT_FOUND
    assert judge(unknown) is Outcome.NOT_FOUND
    assert aws.calls == ["GetItem"]

    key = desk.issue().text.reveal()

    assert judge(key) is Outcome.NOT_FOUND
    clock.now = NOW + 5
    assert judge(key) is Outcome.VALID


def test_a_renewal_and_a_rotation_are_seen_as_late_as_a_revocation(
    key: str, desk: Desk, clock: Clock, remembering: Remembering
) -> None:
    judge = remembering(5)
    desk.revoke(key, Reason.SUPERSEDED)
    assert judge(key) is Outcome.REVOKED

    desk.issue(GRANT)
    new = rotated(desk).reveal()

    assert judge(key) is Outcome.REVOKED
    assert judge(new) is Outcome.NOT_FOUND
    clock.now = NOW + 5
    assert judge(key) is Outcome.VALID
    assert judge(new) is Outcome.VALID


def test_expiry_is_judged_anew_each_time(
    key: str, clock: Clock, aws: Aws, remembering: Remembering
) -> None:
    judge = remembering(60)
    clock.now = NOW + 15 * DAY - 1
    assert judge(key) is Outcome.VALID

    clock.now += 1

    assert judge(key) is Outcome.EXPIRED
    assert aws.calls == ["GetItem"]


def test_the_end_of_a_grace_is_judged_anew_each_time(
    key: str, desk: Desk, clock: Clock, aws: Aws, remembering: Remembering
) -> None:
    rotated(desk)
    aws.forget()
    judge = remembering(60)
    clock.now = NOW + 9
    assert judge(key) is Outcome.VALID

    clock.now = NOW + 10

    assert judge(key) is Outcome.EXPIRED
    assert aws.calls == ["GetItem"]


def test_roles_and_secret_are_judged_anew_each_time(
    key: str, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFY_CACHE_SECONDS", "60")
    read = reader()
    wrong = keytext.mint("kt", keytext.id_of("", "billing")).reveal()

    def outcome(text: str, *roles: str) -> Outcome:
        return service.verify(text, frozenset(roles) or None, read, NOW).outcome

    assert outcome(key, "user") is Outcome.VALID
    assert outcome(key, "admin") is Outcome.INSUFFICIENT_ROLE
    assert outcome(wrong) is Outcome.NOT_FOUND
    assert aws.calls == ["GetItem"]


def test_what_nobody_could_know_is_not_remembered(
    key: str, aws: Aws, remembering: Remembering
) -> None:
    judge = remembering(60)
    aws.plan("GetItem", refused("AccessDeniedException"))
    with pytest.raises(Unavailable):
        judge(key)

    assert judge(key) is Outcome.VALID


def test_a_row_that_cannot_be_read_is_not_remembered(
    key: str, table: Table, remembering: Remembering
) -> None:
    judge = remembering(60)
    row = table.row()
    table.put(row | {"schema": {"N": "2"}})
    with pytest.raises(Unavailable):
        judge(key)

    table.put(row)

    assert judge(key) is Outcome.VALID


def test_keys_are_remembered_apart(desk: Desk, aws: Aws, remembering: Remembering) -> None:
    judge = remembering(60)
    keys = [desk.issue(GRANT).text.reveal(), keytext.mint("kt", "A" * 17).reveal()]
    assert [judge(key) for key in keys] == [Outcome.VALID, Outcome.NOT_FOUND]
    aws.forget()

    assert [judge(key) for key in keys] == [Outcome.VALID, Outcome.NOT_FOUND]
    assert aws.calls == []


def test_a_malformed_key_takes_no_place() -> None:
    asked: list[str] = []
    read = counting(asked)

    for text in ("", "nonsense", keytext.mint("kt", "A" * 17).reveal()[:-1]):
        service.verify(text, None, read, NOW)

    assert asked == []


def test_the_memory_is_bounded_and_forgets_what_was_asked_for_longest_ago() -> None:
    asked: list[str] = []
    read = counting(asked)
    ids = [f"{number:017}" for number in range(CACHED_ROWS)]
    for id in [*ids, ids[0], "one more"]:
        read(id)
    assert len(asked) == CACHED_ROWS + 1
    asked.clear()

    read(ids[0])  # asked for since
    read("one more")
    read(ids[1])

    assert asked == [ids[1]]


def counting(asked: list[str]) -> Reader:
    """Return a reader that remembers, of an empty table, and notes what it reads."""

    def read(id: str) -> Credential | None:
        asked.append(id)
        return None

    return cached(read, 60)
