"""What somebody can do who has got hold of the table, its stream, a backup, or of the logs.

They try what there is to try: every text in there as a key, in every form a key might hide in.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

import authorize
import create_key
import revoke_key
import rotate_key
import verify_key
from keyturn import aws as sdk
from keyturn import keytext
from keyturn.errors import Unavailable
from keyturn.settings import settings as deployment
from keyturn.vault import Vault
from tests.attack.gate import ask
from tests.support import Context, Output, answer, delete, post
from tests.support_authorizer import made, token
from tests.support_aws import Aws, Table, onlooker
from tests.support_canary import leaks
from tests.support_life import publish
from tests.support_rotation import BILLING, Stream, rotate

ALIASES = ("billing", "root", "other")


def act(step: tuple[str, str], keys: set[str]) -> None:
    """Do one thing to an alias's key, as an admin would; keep every string that is answered."""
    verb, alias = step
    id = keytext.id_of("", alias)
    if verb == "grant":
        body = answer(
            create_key.handler, post({"alias": alias, "name": "N", "roles": ["admin"]})
        ).body
    elif verb == "rotate":
        body = answer(rotate_key.handler, rotate(id, {"force": True})).body
    else:
        body = answer(revoke_key.handler, delete(id, verb)).body
    if "key" in body:
        keys.add(body["key"])


def dump(table: Table, stream: Stream) -> dict[str, bytes]:
    """Return everything that a thief gets: rows, both indexes, and what the stream has."""
    client = onlooker("dynamodb")
    indexes = {
        name: client.scan(TableName="keyturn-Table", IndexName=name)["Items"]
        for name in ("by_alias", "due")
    }
    held = {"table": table.rows(), "stream": stream.records(), **indexes}
    return {
        name: repr(rows).encode() + json.dumps(_text(rows)).encode() for name, rows in held.items()
    }


def _text(value: Any) -> Any:  # noqa: ANN401 - any part of a row
    if isinstance(value, bytes):
        return [value.hex(), b64encode(value).decode(), value.decode("latin-1")]
    if isinstance(value, dict):
        return {name: _text(part) for name, part in value.items()}
    return [_text(part) for part in value] if isinstance(value, list) else value


@pytest.mark.prove
@pytest.mark.row("T1")
@settings(max_examples=12)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["grant", "grant", "rotate", "rotate", "unspecified", "compromised"]),
            st.sampled_from(ALIASES),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_key_stands_in_the_table_its_indexes_or_its_stream_whatever_was_done(
    table: Table, steps: list[tuple[str, str]]
) -> None:
    table.clear()
    stream, keys = Stream(), set[str]()
    for step in [("grant", ALIASES[0]), *steps]:
        act(step, keys)

    held = dump(table, stream)

    assert keys
    assert all(BILLING.encode() in rows for rows in held.values() if rows != held["due"])
    assert leaks(keys, held) == set()


def guesses(held: bytes) -> Iterator[str]:
    """Yield what a thief would present: each text in there, whole, cut, decoded and dressed up."""
    found = {text.decode() for text in re.findall(rb"[0-9A-Za-z+/=_-]{10,}", held)}
    for text in sorted(found):
        yield text
        yield f"kt_{BILLING}_{text}"
        for form in (text, _unpacked(text)):
            letters = re.sub("[^0-9A-Za-z]", "", form)
            for at in {0, max(0, len(letters) - 32)}:
                secret = letters[at : at + 32].ljust(32, "0")
                # Anybody can compute the check.
                yield keytext.KeyText("kt", BILLING, secret).reveal()


def _unpacked(text: str) -> str:
    try:
        return b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
    except ValueError:
        return text


@pytest.fixture
def victim(table: Table) -> str:  # noqa: ARG001 - it is in there
    """A key with everything that a row can hold: two strings, one in its grace."""
    key = made("billing", ("admin",))
    answer(rotate_key.handler, rotate(BILLING, {"grace_seconds": 3600}))
    return key


def tries(held: bytes) -> tuple[int, list[str]]:
    """Present every guess; return how many there were, and those that got in."""
    number, won = 0, []
    for guess in guesses(held):
        number += 1
        try:
            authorize.handler(token(guess), Context())
        except authorize.Unauthorized:
            continue
        won.append(guess)
    return number, won


@pytest.mark.row("T1")
def test_whoever_has_the_table_gets_in_with_nothing_of_it(victim: str, table: Table) -> None:
    stream = Stream()
    answer(create_key.handler, post({"alias": "billing", "name": "N", "roles": ["admin"]}))
    held = b"\n".join(dump(table, stream).values())

    number, won = tries(held)

    assert number > 100
    assert won == []
    # The same tries do find a key where there is one.
    assert tries(held + victim.encode())[1] == [victim]


@pytest.mark.row("T1")
def test_hash_is_of_190_bits_and_no_string_that_has_it_is_in_the_table(
    victim: str, table: Table
) -> None:
    row = table.row()
    hashes = {row["secret_hash"]["B"], row["previous_hash"]["B"]}
    held = dump(table, Stream())["table"]

    assert not [g for g in guesses(held) if (k := keytext.parse(g)) and k.digest in hashes]
    parsed = keytext.parse(victim)
    assert parsed is not None
    assert parsed.digest in hashes
    # The hint is of the check, which follows from the secret: 24 bits of its 190 at most.
    assert row["hint"]["S"].startswith("kt_...")
    assert len(row["hint"]["S"].removeprefix("kt_...")) == 4
    assert 62**32 // 62**4 > 2**166


@pytest.mark.row("T1", "T12")
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"service": "keyturn"},
        {"id": BILLING},
        {"service": "keyturn", "id": keytext.id_of("", "other")},
        {"service": "Keyturn", "id": BILLING},
        {"service": "keyturn", "id": BILLING, "more": "x"},
    ],
    ids=str,
)
def test_ciphertext_opens_in_no_context_but_its_rows(
    victim: str, table: Table, context: dict[str, str]
) -> None:
    """Also for somebody who may use the KMS key."""
    sealed = table.row()["ciphertext"]["B"]
    kms = onlooker("kms")

    with pytest.raises(ClientError) as refused:
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    assert refused.value.response["Error"]["Code"] == "InvalidCiphertextException"
    opened = kms.decrypt(
        CiphertextBlob=sealed, EncryptionContext={"service": "keyturn", "id": BILLING}
    )
    assert opened["Plaintext"].startswith(b"kt_")
    assert opened["Plaintext"] != victim.encode()


@pytest.mark.row("T12")
def test_ciphertext_moved_to_another_row_is_handed_out_by_no_verb(table: Table) -> None:
    """By somebody who may write rows: the strings of two keys change places."""
    keys = {alias: made(alias, ("user",)) for alias in ("billing", "other")}
    rows = {row["alias"]["S"]: row for row in table.rows()}
    for mine, theirs in (("billing", "other"), ("other", "billing")):
        table.put(rows[mine] | {"ciphertext": rows[theirs]["ciphertext"]})
        for fields in ({}, {"secret_hash": rows[theirs]["secret_hash"]}):
            table.put(rows[mine] | {"ciphertext": rows[theirs]["ciphertext"]} | fields)
            given_ = answer(create_key.handler, post({"alias": mine, "name": "N"}))
            assert (given_.status, given_.body["code"]) == (503, "unavailable")
            assert not leaks({*keys.values()}, {"answer": json.dumps(given_.body).encode()})


@pytest.mark.row("T12")
def test_row_copied_to_another_id_is_still_opened_by_nobody(table: Table) -> None:
    made("billing", ("user",))
    row = table.row()
    table.put(row | {"id": {"S": keytext.id_of("", "mine")}, "alias": {"S": "mine"}})
    vault = Vault(sdk.kms(), deployment().kms_key_id)

    given_ = answer(create_key.handler, post({"alias": "mine", "name": "N"}))
    with pytest.raises(Unavailable):
        vault.open(row["ciphertext"]["B"], keytext.id_of("", "mine"), row["secret_hash"]["B"])

    assert (given_.status, given_.body["code"]) == (503, "unavailable")


@pytest.mark.row("T2")
def test_whoever_has_the_logs_and_the_events_gets_in_with_nothing_of_them(
    aws: Aws, table: Table, output: Output
) -> None:
    stream, root = Stream(), made("root")
    keys: set[str] = set()
    for step in (("grant", "billing"), ("rotate", "billing"), ("rotate", "billing")):
        act(step, keys)
    for key in [*keys, root]:
        answer(verify_key.handler, post({"key": key}) | {"resource": "/api/apikey/verify"})
        ask(("GET", "/api/apikey/{key}"), root, path={"key": BILLING})
        ask(("DELETE", "/api/apikey/{key}"), root, path={"key": key[:-1]})
    publish(stream.records())
    told = [sent for call, sent in zip(aws.calls, aws.sent, strict=True) if call == "PutEvents"]

    held = output.text.encode() + b"\n".join(told)

    assert len(keys) == 3
    assert b'"alias"' in held
    assert leaks({*keys, root}, {"held": held}) == set()
    number, won = tries(held)
    assert number > 50
    assert won == []
    # An id alone revokes nothing for somebody who is no admin.
    row = table.rows()
    for key in (BILLING, root.split("_")[1]):
        assert ask(("DELETE", "/api/apikey/{key}"), key, path={"key": BILLING}).status == 401
    assert table.rows() == row
