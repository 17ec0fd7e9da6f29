import copy
import json
import pickle
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keyturn import keytext
from keyturn.keytext import ALPHABET, KeyText

IDS = st.text(ALPHABET, min_size=17, max_size=17)
PREFIXES = st.from_regex(r"[a-z][a-z0-9]{0,7}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)
SECRETS = st.text(ALPHABET, min_size=32, max_size=32)
KEYS = st.builds(KeyText, PREFIXES, IDS, SECRETS).map(KeyText.reveal)
FALSE_ALARM = 1e-9


@given(PREFIXES, IDS)
def test_what_was_minted_is_parsed(prefix: str, id: str) -> None:
    minted = keytext.mint(prefix, id)

    parsed = keytext.parse(minted.reveal())

    assert parsed is not None
    assert (parsed.prefix, parsed.id) == (prefix, id)
    assert parsed.reveal() == minted.reveal()
    assert parsed.digest == minted.digest
    assert parsed.matches(minted.digest)


@pytest.mark.parametrize("prefix", ["kt", "my_team", "a_1_2_b", "x"])
def test_prefix_may_hold_underscores(prefix: str) -> None:
    text = keytext.mint(prefix, "A" * 17).reveal()

    parsed = keytext.parse(text)

    assert parsed is not None
    assert parsed.prefix == prefix
    assert text.startswith(f"{prefix}_{'A' * 17}_")
    assert len(text) == len(prefix) + 1 + 17 + 1 + 32 + 6


@given(KEYS, st.data())
def test_a_changed_character_is_refused(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(ALPHABET + "_- é\n"))
    assume(other != key[at])

    assert keytext.parse(key[:at] + other + key[at + 1 :]) is None


@given(KEYS, st.data())
def test_a_dropped_character_is_refused(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 1))

    assert keytext.parse(key[:at] + key[at + 1 :]) is None


@given(KEYS, st.data())
def test_a_doubled_character_is_refused(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 1))

    assert keytext.parse(key[:at] + key[at] + key[at:]) is None


@given(KEYS, st.data())
def test_two_swapped_characters_are_refused(key: str, data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.sets(st.integers(0, len(key) - 1), min_size=2, max_size=2)))
    assume(key[first] != key[second])
    swapped = [*key]
    swapped[first], swapped[second] = key[second], key[first]

    assert keytext.parse("".join(swapped)) is None


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_but_never_an_error(text: str) -> None:
    assert keytext.parse(text) is None


@pytest.mark.parametrize(
    "decorate", ["{}\n", "\n{}", " {}", "{} ", "{}\0", "\ufeff{}", "{}_", "_{}"]
)
def test_nothing_may_stand_around_the_key(decorate: str) -> None:
    assert keytext.parse(decorate.format(keytext.mint("kt", "A" * 17).reveal())) is None


def test_digits_of_other_scripts_are_no_base62() -> None:
    key = keytext.mint("kt", "1" * 17).reveal()

    assert keytext.parse(key.replace("1", "\u0661")) is None
    assert not keytext.is_id("\u0661" * 17)


def test_the_longest_text_that_is_looked_at() -> None:
    longest = keytext.mint("k" * 71, "A" * 17).reveal()
    too_long = keytext.mint("k" * 72, "A" * 17).reveal()

    assert len(longest) == 128
    assert keytext.parse(longest) is not None
    assert keytext.parse(too_long) is None


def chi_square(characters: Iterable[str]) -> float:
    counts = Counter(characters)
    assert set(counts) <= set(ALPHABET)
    expected = counts.total() / len(ALPHABET)
    return sum((counts[c] - expected) ** 2 / expected for c in ALPHABET)


def bound() -> float:
    """What chi-square exceeds with a chance of `FALSE_ALARM` (Wilson and Hilferty's formula)."""
    freedom = len(ALPHABET) - 1
    deviations = statistics.NormalDist().inv_cdf(1 - FALSE_ALARM)
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + deviations * spread**0.5) ** 3)


def test_secrets_use_their_whole_alphabet_evenly() -> None:
    secrets = "".join(
        keytext.mint("kt", "A" * 17).reveal().rpartition("_")[2][:32] for _ in range(2000)
    )

    assert len(ALPHABET) == len(set(ALPHABET)) == 62
    assert chi_square(secrets) < bound()
    # The test can fail: a random byte modulo 62, the usual mistake, favours eight characters.
    assert chi_square(ALPHABET[number % 62] for number in [*range(256)] * 250) > bound()


def test_no_two_keys_are_the_same() -> None:
    minted = {keytext.mint("kt", "A" * 17).reveal() for _ in range(1000)}

    assert len(minted) == 1000


@pytest.mark.parametrize(
    ("salt", "alias", "id"),
    [
        ("", "billing", "03Oz2OpdnmGrg8ARP"),
        ("pepper", "billing", "0dvlnoNmbzvg73x0M"),
        ("", "émile/☃", "1Btn8PMZVWgf7MUp8"),
        ("pepper", "émile/☃", "0Umt15LcL0UNH8zD0"),
    ],
)
def test_ids_are_what_they_always_were(salt: str, alias: str, id: str) -> None:
    """Another id for an alias would orphan every key that exists."""
    assert keytext.id_of(salt, alias) == id
    assert keytext.is_id(id)


@given(st.text(), st.text(), st.text())
def test_salt_changes_every_id(one: str, other: str, alias: str) -> None:
    assume(one != other and "\0" not in one + other)

    assert keytext.id_of(one, alias) != keytext.id_of(other, alias)


@given(st.text(st.characters(codec="utf-8")))
def test_every_alias_has_an_id_of_one_length(alias: str) -> None:
    assert keytext.is_id(keytext.id_of("", alias))


@pytest.mark.parametrize("text", ["", "A" * 16, "A" * 18, "A" * 16 + "_", "A" * 17 + "\n", "self"])
def test_what_is_no_id(text: str) -> None:
    assert not keytext.is_id(text)


@pytest.mark.parametrize("show", [repr, str, ascii, "{}".format, "%s".__mod__])
def test_no_way_of_showing_a_key_shows_its_secret(show: Callable[[object], str]) -> None:
    key = keytext.mint("kt", "A" * 17)
    secret = key.reveal()[-38:]

    shown = show(key) + show([key]) + show({"key": key})

    assert "kt_AAAAAAAAAAAAAAAAA_..." in shown
    assert not any(secret[at : at + 4] in shown for at in range(len(secret) - 3))


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, pickle.dumps, json.dumps, vars],
    ids=["copy", "deepcopy", "pickle", "json", "vars"],
)
def test_a_key_cannot_be_carried_off_whole(copied: Callable[[object], object]) -> None:
    key = keytext.mint("kt", "A" * 17)

    with pytest.raises(TypeError) as refused:
        copied(key)

    assert key.reveal()[-38:-6] not in str(refused.value)


@given(PREFIXES, IDS, SECRETS)
def test_hint_is_the_prefix_and_the_end_of_the_check(prefix: str, id: str, secret: str) -> None:
    key = KeyText(prefix, id, secret)

    assert key.hint == f"{prefix}_...{key.reveal()[-4:]}"


@given(KEYS, st.sampled_from('",; \n\t=:/?&()[]<>|'), st.sampled_from('",; \n\t=:/?&()<>'))
def test_a_leaked_key_is_found_in_text_and_confirmed(key: str, before: str, after: str) -> None:
    text = f"curl -H 'X-API-Key{before}{key}{after} # not_a_key_{'B' * 17}_{'C' * 38}"

    hits = re.findall(keytext.LEAKED, text)

    assert [hit for hit in hits if keytext.parse(hit)] == [key]
    assert len(hits) == 2


def test_the_documented_expression_finds_keys_of_the_default_prefix() -> None:
    (documented,) = re.findall(r"`(\\b.+\\b)`", keytext.__doc__ or "")
    key = keytext.mint("kt", "A" * 17).reveal()

    assert re.findall(documented, f'{{"key":"{key}"}} kt_{"A" * 17}_short') == [key]
