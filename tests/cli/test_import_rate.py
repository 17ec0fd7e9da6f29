"""import: how fast; recorded, not asserted, since the machine may be anybody's."""

from collections.abc import Callable

import pytest

from bench.moving import measure
from tests.dynamodb_local import REQUIRED, NotAvailableError

ROWS = 200


@pytest.mark.prove
@pytest.mark.dynamodb_local
def test_rows_go_in_and_how_many_a_second_is_told(figure: Callable[[str, str], None]) -> None:
    try:
        figures = measure(ROWS)
    except NotAvailableError as reason:
        if REQUIRED:
            raise
        pytest.skip(str(reason))
    for what, said in figures.items():
        figure(f"import of {ROWS} {what}", str(said))
    assert all(said.rows_a_second > 0 for said in figures.values())
