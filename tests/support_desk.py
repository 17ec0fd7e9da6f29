"""The verbs on a table, with a clock that is set by hand."""

from dataclasses import dataclass, field

from keyturn import aws as sdk
from keyturn import keytext, service
from keyturn.issuer import Issued, Issuer
from keyturn.keys import Grant, Outcome, Reason
from keyturn.settings import settings
from keyturn.store import KeyStore
from keyturn.vault import Vault
from tests.support import NOW, by
from tests.support_aws import Table

STORE = KeyStore(sdk.dynamodb(), settings().table_name)
VAULT = Vault(sdk.kms(), settings().kms_key_id)
GRANT = Grant(alias="billing", name="Billing", roles=("user",), ttl_days=15, metadata={"a": "b"})
AGAIN = Grant(alias="billing", name="Again", roles=(), ttl_days=30)


@dataclass
class Desk:
    """An issuer and its clock."""

    now: int = NOW
    issuer: Issuer = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = Issuer(STORE, VAULT, settings(), lambda: self.now)

    def issue(self, grant: Grant = GRANT, actor: str = "iam") -> Issued:
        return self.issuer.create_or_renew(grant, by(actor))

    def revoke(self, target: str, reason: Reason = Reason.UNSPECIFIED) -> None:
        service.revoke(target, reason, by("iam"), STORE, self.now)

    def judge(self, text: str) -> Outcome:
        return service.verify(text, None, STORE.get, self.now).outcome


def rotated(desk: Desk) -> keytext.KeyText:
    """Give the key another string, as a rotation does, and return that."""
    key = STORE.get(keytext.id_of("", "billing"))
    assert key is not None
    text = keytext.mint("kt", key.id)
    changed = {
        "generation": {"N": str(key.generation + 1)},
        "secret_hash": {"B": text.digest},
        "ciphertext": {"B": VAULT.seal(text)},
        "previous_hash": {"B": key.secret_hash},
        "previous_expires_at": {"N": str(desk.now + 10)},
    }
    Table().put(Table().row() | changed)
    return text
