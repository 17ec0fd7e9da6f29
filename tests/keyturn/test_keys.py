from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn import keytext
from keyturn.errors import KeyCompromised
from keyturn.keys import Grant, Outcome, Reason, Status, Verdict, moment
from tests.support import NOW, api_key, by

RIGHT, OLD, WRONG = (sha256(secret).digest() for secret in (b"right", b"old", b"wrong"))
ENDS = NOW + 10


@pytest.mark.parametrize(
    ("now", "is_active", "status"),
    [
        (ENDS - 1, True, Status.ACTIVE),
        (ENDS, True, Status.EXPIRED),
        (ENDS + 1, True, Status.EXPIRED),
        (ENDS - 1, False, Status.REVOKED),
        (ENDS, False, Status.REVOKED),
    ],
)
def test_status_is_revoked_before_expired_before_active(
    now: int, status: Status, *, is_active: bool
) -> None:
    assert api_key(expires_at=ENDS, is_active=is_active).status(now) is status


@pytest.mark.parametrize("secret", ["right", "wrong"])
@pytest.mark.parametrize("role", ["has it", "lacks it"])
@pytest.mark.parametrize("now", [ENDS - 1, ENDS])
@pytest.mark.parametrize("is_active", [True, False])
def test_the_first_outcome_that_applies_is_given(
    secret: str, role: str, now: int, *, is_active: bool
) -> None:
    key = api_key(secret_hash=RIGHT, expires_at=ENDS, is_active=is_active, roles=("user",))

    verdict = key.verify(
        RIGHT if secret == "right" else WRONG,
        now,
        frozenset({"user", "admin"} if role == "has it" else {"admin", "creator"}),
    )

    expected = next(
        outcome
        for applies, outcome in (
            (secret == "wrong", Outcome.NOT_FOUND),
            (not is_active, Outcome.REVOKED),
            (now >= ENDS, Outcome.EXPIRED),
            (role == "lacks it", Outcome.INSUFFICIENT_ROLE),
            (True, Outcome.VALID),
        )
        if applies
    )
    assert verdict.outcome is expected
    assert verdict.credential is (None if secret == "wrong" else key)


def test_outcomes_stand_in_the_contract_s_order() -> None:
    assert [*Outcome] == [
        *("malformed", "not_found", "revoked", "expired", "insufficient_role", "valid")
    ]


@pytest.mark.parametrize(
    ("has", "asked", "outcome"),
    [
        ((), None, Outcome.VALID),
        (("user",), None, Outcome.VALID),
        (("user", "creator"), {"creator"}, Outcome.VALID),
        (("user",), {"creator", "user"}, Outcome.VALID),
        (("user",), {"admin"}, Outcome.INSUFFICIENT_ROLE),
        (("user",), {"USER"}, Outcome.INSUFFICIENT_ROLE),
        ((), {"admin"}, Outcome.INSUFFICIENT_ROLE),
        (("admin",), set(), Outcome.INSUFFICIENT_ROLE),
    ],
)
def test_any_one_of_the_asked_roles_suffices(
    has: tuple[str, ...], asked: set[str] | None, outcome: Outcome
) -> None:
    roles = None if asked is None else frozenset(asked)

    assert api_key(secret_hash=RIGHT, roles=has).verify(RIGHT, NOW, roles).outcome is outcome


def test_a_verdict_says_until_when_and_of_which_generation() -> None:
    key = api_key(secret_hash=RIGHT, generation=3, expires_at=ENDS)

    assert key.verify(RIGHT, NOW, None) == Verdict(Outcome.VALID, key, 3, ENDS)


@pytest.mark.parametrize(
    ("now", "outcome"),
    [(NOW + 4, Outcome.VALID), (NOW + 5, Outcome.EXPIRED), (NOW + 6, Outcome.EXPIRED)],
)
def test_the_string_before_a_rotation_lives_as_long_as_its_grace(
    now: int, outcome: Outcome
) -> None:
    key = api_key(
        secret_hash=RIGHT,
        previous_hash=OLD,
        previous_expires_at=NOW + 5,
        expires_at=ENDS,
        generation=3,
    )

    assert key.verify(OLD, now, None) == Verdict(outcome, key, 2, NOW + 5)
    assert key.verify(RIGHT, now, None) == Verdict(Outcome.VALID, key, 3, ENDS)
    assert key.verify(WRONG, now, None) == Verdict(Outcome.NOT_FOUND)


def test_the_string_before_a_rotation_never_outlives_the_key() -> None:
    key = api_key(
        secret_hash=RIGHT, previous_hash=OLD, previous_expires_at=ENDS + 5, expires_at=ENDS
    )

    assert key.verify(OLD, ENDS, None).outcome is Outcome.EXPIRED
    assert key.verify(OLD, ENDS - 1, None).expires_at == ENDS


def test_a_former_string_without_an_end_has_ended() -> None:
    key = api_key(secret_hash=RIGHT, previous_hash=OLD, previous_expires_at=None)

    assert key.verify(OLD, NOW, None).outcome is Outcome.EXPIRED


def test_revocation_ends_the_former_string_too() -> None:
    key = api_key(
        secret_hash=RIGHT, previous_hash=OLD, previous_expires_at=NOW + 5, is_active=False
    )

    assert key.verify(OLD, NOW, None).outcome is Outcome.REVOKED


@given(st.binary(max_size=40))
def test_no_other_digest_is_accepted(digest: bytes) -> None:
    assert api_key(secret_hash=RIGHT).verify(digest, NOW, None) == Verdict(Outcome.NOT_FOUND)


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("reason", [None, *Reason])
def test_only_a_string_revoked_as_compromised_is_never_renewed(
    reason: Reason | None, *, is_active: bool
) -> None:
    key = api_key(is_active=is_active, revoke_reason=reason)
    grant = Grant(alias="billing", name="A", roles=(), ttl_days=7)

    if reason is Reason.COMPROMISED and not is_active:
        with pytest.raises(KeyCompromised):
            key.renewed(grant, NOW, by("x"))
    else:
        assert key.renewed(grant, NOW, by("x")).is_active


def test_validity_starts_anew_with_each_renewal() -> None:
    grant = Grant(alias="billing", name="A", roles=(), ttl_days=7)

    assert api_key().renewed(grant, NOW + 5, by("x")).expires_at == NOW + 5 + 7 * 86_400


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_800_000_000, "2027-01-15T08:00:00Z"),
        (1_835_438_399, "2028-02-29T11:59:59Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
    ],
)
def test_times_are_utc_to_the_second(epoch: int, text: str) -> None:
    assert moment(epoch) == text


def test_showing_a_record_shows_no_hash_and_no_ciphertext() -> None:
    text = keytext.mint("kt", "A" * 17)
    key = api_key(text, previous_hash=OLD, ciphertext=b"\xc1\xbe\xa7")

    shown = repr(key) + repr(key.verify(text.digest, NOW, None))

    assert "billing" in shown
    assert not any(repr(part)[2:-1] in shown for part in (text.digest, OLD, key.ciphertext))
