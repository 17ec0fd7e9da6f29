"""Print new keys and what the fake AWS answers about each: `python mint.py HOW_MANY`.

The row of ours holds what verification reads, because that is what DynamoDB would send: our read
names these attributes. The bare client gets the same row, so that it has no more to parse.
"""

import json
import os
import sys
from base64 import b64encode
from hashlib import sha256

from keyturn import keytext, row
from keyturn.keys import DAY, ApiKey

_EXPIRES_AT = 4_102_444_800  # the year 2100


def answers(key: keytext.KeyText, alias: str) -> dict[str, object]:
    """Return what `bench/endpoint.py` is to answer, by operation and table."""
    stored = ApiKey(
        id=key.id,
        alias=alias,
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
        ciphertext=bytes(184),  # as long as a real one
        hint=key.hint,
    )
    whole = {
        name: {"B": _base64(value["B"])} if "B" in value else value
        for name, value in row.of_key(stored, "0" * 32).items()
    }
    read = {name: value for name, value in whole.items() if name in row.CREDENTIAL}
    tutorial = {
        "key_hash": {"S": sha256(key.reveal().encode()).hexdigest()},
        "key_id": {"S": key.id},
        "name": {"S": alias},
        "roles": {"L": [{"S": "admin"}, {"S": "user"}]},
        "active": {"BOOL": True},
        "expires_at": {"N": str(_EXPIRES_AT)},
    }
    arn = os.environ.get("KMS_KEY_ID", "")
    return {
        "GetItem keys": {"Item": read},
        "GetItem tutorial": {"Item": tutorial},
        "GetItem empty": {},
        "PutItem empty": {},
        "GetItem whole": {"Item": whole},
        "UpdateItem whole": {"Attributes": whole},
        "Encrypt": {"CiphertextBlob": _base64(bytes(184)), "KeyId": arn},
        "Decrypt": {"Plaintext": _base64(key.reveal().encode()), "KeyId": arn},
    }


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def described(alias: str) -> dict[str, object]:
    """Return a new key, its id, itself with a wrong check, and what AWS says of it."""
    minted = keytext.mint("kt", keytext.id_of("", alias))
    text = minted.reveal()
    misspelt = text[:-1] + ("0" if text[-1] != "0" else "1")
    said = answers(minted, alias)
    return {"key": text, "id": minted.id, "alias": alias, "misspelt": misspelt, "answers": said}


if __name__ == "__main__":
    json.dump([described(f"billing-{number}") for number in range(int(sys.argv[1]))], sys.stdout)
