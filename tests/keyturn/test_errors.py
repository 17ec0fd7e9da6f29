import re

import pytest

from keyturn import errors
from keyturn.errors import KeyturnError, RequestError, Unavailable


def family(base: type[KeyturnError]) -> set[type[KeyturnError]]:
    children = set(base.__subclasses__())
    return children.union(*map(family, children))


ANSWERED = sorted(family(KeyturnError) - {RequestError}, key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ANSWERED)
def test_every_error_has_a_stable_code(error: type[KeyturnError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)


def test_no_two_errors_share_a_code() -> None:
    assert len({error.code for error in ANSWERED}) == len(ANSWERED)


def test_codes_and_messages_that_the_contract_quotes() -> None:
    quoted = {
        (error.code, error.message)
        for error in (
            *(errors.InvalidBody, errors.AliasRequired, errors.NameRequired, errors.KeyNotFound),
            *(errors.RouteNotFound, errors.InternalError),
        )
    }

    assert quoted == {
        ("invalid_body", "invalid or missing JSON body"),
        ("alias_required", "alias is required"),
        ("name_required", "Name is required"),
        ("not_found", "API key not found"),
        ("route_not_found", "no such route"),
        ("internal_error", "internal error"),
    }


def test_the_docstring_draws_the_whole_family() -> None:
    drawn = set(re.findall(r"[A-Z]\w+", (errors.__doc__ or "").partition("\n\n")[2]))

    assert {error.__name__ for error in family(KeyturnError)} <= drawn


def test_an_error_says_its_class_s_words_unless_others_are_given() -> None:
    assert str(errors.KeyNotFound()) == "API key not found"
    assert errors.FieldInvalid("name: rule").message == "name: rule"


def test_what_is_unavailable_is_for_the_log_alone() -> None:
    error = Unavailable("PutItem: ThrottlingException")

    assert error.detail == "PutItem: ThrottlingException"
    assert "PutItem" not in str(error) + error.message
