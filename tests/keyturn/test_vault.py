import json
from base64 import b64decode

import pytest

from keyturn import aws as sdk
from keyturn import keytext
from keyturn.errors import Unavailable
from keyturn.keytext import KeyText
from keyturn.settings import settings
from keyturn.vault import Vault
from tests.support_aws import Aws, onlooker, refused

CLIENT = sdk.kms()
TEXT = keytext.mint("kt", "A" * 17)


@pytest.fixture
def vault(aws: Aws) -> Vault:  # noqa: ARG001 - it is in there
    return Vault(CLIENT, settings().kms_key_id)


def sealed_otherwise(plaintext: str) -> bytes:
    """Seal under the right key and context what a vault would not."""
    blob: bytes = onlooker("kms").encrypt(
        KeyId=settings().kms_key_id,
        Plaintext=plaintext.encode(),
        EncryptionContext={"service": "keyturn", "id": TEXT.id},
    )["CiphertextBlob"]
    return blob


def test_what_was_sealed_is_opened(vault: Vault) -> None:
    opened = vault.open(vault.seal(TEXT), TEXT.id, TEXT.digest)

    assert opened.reveal() == TEXT.reveal()


def test_a_ciphertext_holds_no_key_in_clear(vault: Vault) -> None:
    ciphertext = vault.seal(TEXT)

    assert TEXT.reveal()[-38:-6].encode() not in ciphertext
    assert vault.seal(TEXT) != ciphertext


def test_the_context_names_the_service_and_the_id_and_nothing_else(vault: Vault, aws: Aws) -> None:
    vault.open(vault.seal(TEXT), TEXT.id, TEXT.digest)

    for body in map(json.loads, aws.sent):
        assert body["EncryptionContext"] == {"service": "keyturn", "id": TEXT.id}
        assert body["KeyId"] == settings().kms_key_id
    assert b64decode(json.loads(aws.sent[0])["Plaintext"]).decode() == TEXT.reveal()


@pytest.mark.row("T12")
def test_a_ciphertext_of_another_row_does_not_open(vault: Vault) -> None:
    other = keytext.mint("kt", "B" * 17)

    with pytest.raises(Unavailable) as error:
        vault.open(vault.seal(other), TEXT.id, TEXT.digest)

    assert error.value.detail == "Decrypt: InvalidCiphertextException"


@pytest.mark.parametrize(
    "plaintext",
    [
        keytext.mint("kt", TEXT.id).reveal(),
        keytext.mint("kt", "B" * 17).reveal(),
        KeyText("kt", "B" * 17, TEXT.reveal()[-38:-6]).reveal(),
        TEXT.reveal()[:-1],
        "not a key",
        "schl\u00fcssel",
    ],
    ids=[
        "another generation",
        "another id",
        "another id, same secret",
        "cut",
        "no key",
        "not ASCII",
    ],
)
def test_what_is_not_this_row_s_key_is_not_handed_out(plaintext: str, vault: Vault) -> None:
    with pytest.raises(Unavailable) as error:
        vault.open(sealed_otherwise(plaintext), TEXT.id, TEXT.digest)

    assert error.value.detail == "Decrypt: not this row's key"


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException"])
def test_kms_refusing_is_unavailable(operation: str, code: str, vault: Vault, aws: Aws) -> None:
    aws.always(operation, refused(code))

    with pytest.raises(Unavailable) as error:
        vault.open(vault.seal(TEXT), TEXT.id, TEXT.digest)

    assert error.value.detail == f"{operation}: {code}"
