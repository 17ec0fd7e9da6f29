"""KMS: the key string is sealed before it is stored, and opened only to answer a renewal."""

from typing import TYPE_CHECKING

from keyturn import foreign
from keyturn.aws import answered
from keyturn.errors import Unavailable
from keyturn.foreign import Text

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient


class Vault:
    """Seals key strings under one KMS key.

    The encryption context names the key's id: a ciphertext moved to another row does not open. It
    stands in CloudTrail in clear, so it holds the id and never the alias.
    """

    def __init__(self, client: "KMSClient", key_id: str) -> None:
        """Use the KMS key `key_id` (ARN)."""
        self._client = client
        self._key_id = key_id

    def seal(self, key: Text) -> bytes:
        """Encrypt a key string.

        Raises:
            Unavailable: KMS did not answer, or refused.
        """
        with answered():
            return self._client.encrypt(
                KeyId=self._key_id,
                Plaintext=key.reveal().encode(),
                EncryptionContext=_context(key.id),
            )["CiphertextBlob"]

    def open(self, ciphertext: bytes, id: str, digest: bytes) -> Text:
        """Decrypt the key string of `id` that has this `digest`.

        Raises:
            Unavailable: KMS did not answer or refused, or what it opened is not that key's string:
                a swapped ciphertext must not hand out another key.
        """
        with answered():
            plaintext = self._client.decrypt(
                KeyId=self._key_id,
                CiphertextBlob=ciphertext,
                EncryptionContext=_context(id),
            )["Plaintext"]
        key = foreign.parse_any(plaintext.decode("ascii", "replace"), id)
        if key is None or key.id != id or not key.matches(digest):
            raise Unavailable("Decrypt: not this row's key")
        return key


def _context(id: str) -> dict[str, str]:
    return {"service": "keyturn", "id": id}
