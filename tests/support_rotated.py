"""A rotated key, as a rotation leaves its row; for tests that are not about rotating."""

from keyturn import keytext
from tests.support_aws import Table


def rotated(key: str, grace_ends: int, table: Table) -> str:
    """Give the only row's key another string, and return that; the old one works until then.

    The row's fields are set from outside, so whatever rotates keys is not needed here. The sealed
    string stays the old one: nothing that opens it may follow.
    """
    old = keytext.parse(key)
    assert old is not None
    new = keytext.mint(old.prefix, old.id)
    row = table.row()
    table.put(
        row
        | {
            "generation": {"N": str(int(row["generation"]["N"]) + 1)},
            "secret_hash": {"B": new.digest},
            "previous_hash": {"B": old.digest},
            "previous_expires_at": {"N": str(grace_ends)},
        }
    )
    return new.reveal()
