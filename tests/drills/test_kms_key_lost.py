"""The KMS key is disabled, then gone for good: who is let in does not depend on it."""

from dataclasses import replace

import pytest

from keyturn import aws as sdk
from keyturn.errors import Unavailable
from keyturn.issuer import Issuer
from keyturn.keys import DAY, Outcome, Reason, Rotation
from keyturn.settings import settings
from keyturn.vault import Vault
from tests.support import by
from tests.support_aws import Aws, Table, onlooker, refused
from tests.support_desk import AGAIN, GRANT, STORE, Desk
from tests.support_rotation import BILLING

LOST = ("DisabledException", "KMSInvalidStateException", "NotFoundException")


@pytest.fixture
def desk(aws: Aws) -> Desk:  # noqa: ARG001 - it is in there
    return Desk()


def lose(aws: Aws, code: str) -> None:
    for operation in ("Encrypt", "Decrypt"):
        aws.always(operation, refused(code))


@pytest.mark.row("F5")
@pytest.mark.parametrize("code", LOST)
def test_verification_and_revocation_go_on_without_the_kms_key(
    code: str, desk: Desk, aws: Aws, table: Table
) -> None:
    text = desk.issue().text.reveal()
    before = table.row()
    lose(aws, code)

    for grant in (AGAIN, replace(GRANT, alias="new")):
        with pytest.raises(Unavailable):
            desk.issue(grant)
    with pytest.raises(Unavailable):
        desk.issuer.rotate(BILLING, Rotation(id="r", grace_seconds=DAY), by("admin"))
    assert table.row() == before
    assert desk.judge(text) is Outcome.VALID

    desk.revoke(BILLING, Reason.CESSATION)
    assert desk.judge(text) is Outcome.REVOKED


@pytest.mark.parametrize("code", LOST[:1])
def test_a_disabled_key_that_is_enabled_again_leaves_nothing_to_do(
    code: str, desk: Desk, aws: Aws
) -> None:
    text = desk.issue().text.reveal()
    lose(aws, code)
    with pytest.raises(Unavailable):
        desk.issue(AGAIN)

    aws.heal()

    assert desk.issue(AGAIN).text.reveal() == text


def test_a_new_kms_key_heals_each_key_by_its_rotation(desk: Desk, aws: Aws) -> None:
    old = desk.issue().text.reveal()
    lost, new = settings().kms_key_id, onlooker("kms").create_key()["KeyMetadata"]["Arn"]
    assert new != lost
    aws.always("Decrypt", refused("NotFoundException"))  # what the lost key had sealed
    moved = Issuer(STORE, Vault(sdk.kms(), new), settings(), lambda: desk.now)
    with pytest.raises(Unavailable):
        moved.create_or_renew(AGAIN, by("admin"))

    healed = moved.rotate(BILLING, Rotation(id="heal", grace_seconds=DAY), by("admin"))

    aws.heal()
    assert desk.judge(old) is Outcome.VALID  # in its grace
    assert desk.judge(healed.text.reveal()) is Outcome.VALID
    assert moved.create_or_renew(AGAIN, by("admin")).text.reveal() == healed.text.reveal()
