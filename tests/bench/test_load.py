"""The load of `make load`, for half a minute: nothing wrong, nothing lost, nothing that grows."""

import pytest

from bench import load
from infra.rehearsal.made import NotMadeError
from tests.dynamodb_local import REQUIRED, NotAvailableError

SECONDS = 30

pytestmark = [pytest.mark.rehearsal, pytest.mark.dynamodb_local]


def test_every_answer_under_load_is_right_and_every_row_is_as_it_was_answered() -> None:
    try:
        results = load.ours(SECONDS)
    except NotMadeError as reason:
        pytest.skip(str(reason))
    except NotAvailableError as reason:
        if REQUIRED:
            raise
        pytest.skip(str(reason))

    assert load.failures(results) == []
    assert results["verbs"].keys() >= {"create", "renew", "rotate", "revoke", "verify", "list"}
    assert results["rows"] == results["keys"] + 1  # the first admin's
    assert results["changes"] > results["keys"]
    assert results["unsure"] == 0
    assert results["memory"]
