"""Print keys, their ids and the rows that the fake DynamoDB answers: `python mint.py HOW_MANY`.

The row of ours holds what verification reads, because that is what DynamoDB would send: our read
names these attributes. The bare client gets the same row, so that it has no more to parse.
"""

import json
import sys
from base64 import b64encode
from hashlib import sha256

from keyturn import keytext, row
from keyturn.keys import DAY, ApiKey

_EXPIRES_AT = 4_102_444_800  # the year 2100


def rows(key: keytext.KeyText) -> dict[str, object]:
    """Return table name -> item in DynamoDB's JSON."""
    stored = ApiKey(
        id=key.id,
        alias="billing",
        name="Billing",
        roles=("admin", "user"),
        metadata={},
        ttl_days=15,
        is_active=True,
        expires_at=_EXPIRES_AT,
        created_at=_EXPIRES_AT - 15 * DAY,  # validity starts there
        updated_at=0,
        updated_by="bench",
        generation=1,
        secret_hash=key.digest,
        ciphertext=b"",
        hint=key.hint,
    )
    ours = {
        name: {"B": b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in row.of_key(stored, "").items()
        if name in row.CREDENTIAL
    }
    tutorial = {
        "key_hash": {"S": sha256(key.reveal().encode()).hexdigest()},
        "key_id": {"S": key.id},
        "name": {"S": "billing"},
        "roles": {"L": [{"S": "admin"}, {"S": "user"}]},
        "active": {"BOOL": True},
        "expires_at": {"N": str(_EXPIRES_AT)},
    }
    return {"keys": ours, "tutorial": tutorial}


def described(alias: str) -> dict[str, object]:
    """Return a new key, its id, itself with a wrong check, and its rows."""
    minted = keytext.mint("kt", keytext.id_of("", alias))
    text = minted.reveal()
    misspelt = text[:-1] + ("0" if text[-1] != "0" else "1")
    return {"key": text, "id": minted.id, "misspelt": misspelt, "rows": rows(minted)}


if __name__ == "__main__":
    json.dump([described(f"billing-{number}") for number in range(int(sys.argv[1]))], sys.stdout)
