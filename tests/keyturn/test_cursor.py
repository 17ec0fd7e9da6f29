import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.cursor import seal, unseal
from keyturn.errors import FieldInvalid

PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1)
PLACE = ["billing", "03Oz2OpdnmGrg8ARP"]
SEALED = seal(PLACE, "list")
ALPHABET = string.ascii_letters + string.digits + "-_"


@given(place=PARTS, scope=st.text(st.characters(exclude_categories=["Cs"])))
def test_place_comes_back_from_its_cursor(place: list[str], scope: str) -> None:
    text = seal(place, scope)

    assert unseal(text, scope, len(place)) == place
    assert set(text) <= set(ALPHABET)


@pytest.mark.parametrize("character", ["a", "é", "漢", "\U0001f511", '"', "\\"])
def test_cursor_of_the_longest_alias_is_taken_back(character: str) -> None:
    # The route takes 1024 characters.
    assert len(seal([128 * character, PLACE[1]], "list active " + 128 * character)) <= 1024


@pytest.mark.row("F19")
@given(place=st.integers(0, len(SEALED) - 1), other=st.sampled_from(ALPHABET))
def test_cursor_with_another_character_is_refused(place: int, other: str) -> None:
    text = SEALED[:place] + other + SEALED[place + 1 :]
    if text != SEALED:
        with pytest.raises(FieldInvalid):
            unseal(text, "list", 2)


@given(text=st.text())
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        unseal(text, "list", 2)
    assert refused.value.message == "cursor: not one of this list's"


@pytest.mark.row("F19")
@pytest.mark.parametrize(
    "text",
    [
        *(SEALED[:length] for length in range(len(SEALED))),
        *(SEALED + more for more in ("A", "=", "==", " ", "\n", "%", "é", "\ud800", "\0")),
        f" {SEALED}",
        SEALED.replace("-", "+").replace("_", "/") + "+",
        SEALED * 2,
    ],
)
def test_cursor_that_was_cut_or_extended_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid):
        unseal(text, "list", 2)


@pytest.mark.parametrize("scope", ["", "list ", "List", "list active"])
def test_cursor_of_another_list_is_refused(scope: str) -> None:
    with pytest.raises(FieldInvalid):
        unseal(SEALED, scope, 2)


@pytest.mark.parametrize(
    "place",
    [[], ["a"], ["a", "b", "c"], ["a", ""], ["a", 1], [None, None], {"a": 1, "b": 2}, "ab", 7],
)
def test_forged_cursor_of_another_shape_is_refused(place: object) -> None:
    # Whoever reads the source can compute the check: it keeps no secret.
    with pytest.raises(FieldInvalid):
        unseal(seal(place, "list"), "list", 2)  # type: ignore[arg-type]


def test_json_of_another_spelling_is_refused() -> None:
    sealed = urlsafe_b64decode(SEALED + "=" * (-len(SEALED) % 4))
    spaced = sealed[:12] + json.dumps(PLACE, indent=1).encode()

    with pytest.raises(FieldInvalid):
        unseal(urlsafe_b64encode(spaced).decode().rstrip("="), "list", 2)
