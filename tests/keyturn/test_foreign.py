import copy
import hashlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn import foreign, keytext
from keyturn.errors import Unavailable

TEXT = "0f9d" * 16
FORMS = st.from_regex(r"[!-+\--~]{16,512}", fullmatch=True)


@given(FORMS)
def test_what_another_service_may_have_made_is_taken_as_it_is(text: str) -> None:
    key = foreign.parse(text)

    if keytext.has_form(text) or keytext.is_id(text):
        assert key is None
    else:
        assert key is not None
        assert (key.reveal(), key.digest) == (text, hashlib.sha256(text.encode()).digest())
        assert key.matches(key.digest)
        assert not key.matches(hashlib.sha256(f"{text}x".encode()).digest())


@pytest.mark.parametrize(
    "text",
    [
        *("", "x" * 15, "x" * 513, "x" * 16 + " ", "x" * 16 + "\n", "a,b" * 8, "ä" * 20),
        *("x" * 16 + "\0", "A" * keytext.ID_LENGTH),
    ],
    ids=repr,
)
def test_what_no_header_carries_or_anybody_could_guess_is_no_key(text: str) -> None:
    assert foreign.parse(text) is None


def test_a_typo_in_a_key_of_ours_is_never_looked_for() -> None:
    good = keytext.mint("kt", "A" * 17).reveal()
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")

    def find(pointer: str) -> str:
        raise AssertionError(pointer)

    assert foreign.parse(good) is None
    assert foreign.whose(bad, find) is None
    claim = foreign.whose(good, find)
    assert claim is not None
    assert claim.id == "A" * 17


def test_without_imported_keys_only_ours_have_a_key_s_form() -> None:
    assert foreign.whose(TEXT, None) is None


def test_a_string_is_found_by_its_pointer() -> None:
    digest = hashlib.sha256(TEXT.encode()).digest()

    claim = foreign.whose(TEXT, {foreign.pointer(digest): "B" * 17}.get)

    assert claim == ("B" * 17, digest)
    assert foreign.whose(f"{TEXT}0", {foreign.pointer(digest): "B" * 17}.get) == (
        None,
        hashlib.sha256(f"{TEXT}0".encode()).digest(),
    )


def test_a_pointer_does_not_tell_the_digest() -> None:
    """AWS logs partition keys."""
    digest = hashlib.sha256(TEXT.encode()).digest()
    item = foreign.of_pointer(digest, "B" * 17)

    assert keytext.is_id(item["id"]["S"])
    assert item["id"]["S"] != keytext.shortened(digest)
    assert foreign.to_target(item) == "B" * 17


@pytest.mark.parametrize("item", [{}, {"target": {}}, {"target": {"S": "x"}}, {"target": {"N": 1}}])
def test_a_pointer_to_no_id_cannot_be_read(item: dict[str, dict[str, object]]) -> None:
    with pytest.raises(Unavailable):
        foreign.to_target(item)


def test_the_string_does_not_show() -> None:
    key = foreign.parse(TEXT)
    assert key is not None

    assert TEXT not in repr(key) + str(key)
    assert key.hint == f"...{TEXT[-4:]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.copy(key)


def test_a_short_string_spares_no_character() -> None:
    short = foreign.parse("sixteen-is-short")
    assert short is not None
    assert short.hint == "..."
