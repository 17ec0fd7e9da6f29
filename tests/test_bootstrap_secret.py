"""A secret with no key yet gets its first one."""

from dataclasses import replace

import pytest

from keyturn.errors import FieldInvalid
from keyturn.keys import DAY, ApiKey, Outcome
from tests.support import NOW, Clock
from tests.support_aws import Aws, Table, first
from tests.support_desk import GRANT, STORE, Desk
from tests.support_rotation import BILLING, judge
from tests.support_secret import Safe

LONG = replace(GRANT, ttl_days=60)


@pytest.fixture
def desk(aws: Aws, clock: Clock) -> Desk:  # noqa: ARG001 - they are in there
    return Desk()


def key(id: str = BILLING) -> ApiKey:
    found = STORE.get(id)
    assert found is not None
    return found


def test_secret_without_a_key_gets_its_first_one(desk: Desk, clock: Clock) -> None:
    safe = Safe({"alias": "reports"}, days=30)

    token = safe.rotate()

    value = safe.value()
    made = key(value["id"])
    assert value == {"alias": "reports", "id": made.id, "key": value["key"], "generation": 1}
    assert (made.alias, made.name, made.roles) == ("reports", "reports", ())
    assert made.updated_by == f"secret:{token}"
    assert judge(value["key"], clock.now) is Outcome.VALID
    assert desk.now == clock.now


@pytest.mark.usefixtures("desk")
def test_first_key_outlasts_the_secrets_interval_and_the_grace(clock: Clock) -> None:
    safe = Safe({"alias": "reports"}, days=30)
    for month in range(4):
        clock.now = NOW + month * 30 * DAY
        safe.rotate()
        safe.works()
        clock.now += 30 * DAY
        safe.works()

    assert safe.value()["generation"] == 4
    assert key(safe.value()["id"]).ttl_days == 31


@pytest.mark.usefixtures("desk")
def test_first_key_of_a_short_interval_is_valid_as_long_as_any(table: Table) -> None:
    Safe({"alias": "reports"}, days=1).rotate()

    assert table.row()["ttl_days"] == {"N": "15"}


@pytest.mark.usefixtures("desk")
def test_interval_longer_than_any_key_is_refused(table: Table) -> None:
    with pytest.raises(FieldInvalid, match="interval"):
        Safe({"alias": "reports"}, days=365).rotate()

    assert table.rows() == []


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("alias", ["  reports \n", "reports", 7, "re\u0301sume\u0301"])
def test_alias_is_taken_in_the_form_in_which_a_request_would_store_it(alias: object) -> None:
    safe = Safe({"alias": alias})
    safe.rotate()

    kept = safe.value()["alias"]
    assert kept == key(safe.value()["id"]).alias
    assert kept in {"reports", "7", "r\u00e9sum\u00e9"}
    safe.rotate()
    assert safe.value()["generation"] == 2


def test_key_without_roles_and_without_a_secret_so_far_is_taken_over(desk: Desk) -> None:
    before = desk.issue(replace(LONG, roles=())).text.reveal()
    safe = Safe()

    safe.rotate()

    assert safe.value()["generation"] == 2
    assert judge(before, NOW) is Outcome.VALID


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("before", ["GetItem", "Encrypt", "PutItem", "PutSecretValue"])
def test_two_bootstraps_of_one_step_make_one_key(aws: Aws, clock: Clock, before: str) -> None:
    safe = Safe()
    token = safe.begin()
    aws.plan(before, first(lambda: safe.step("createSecret", token)))

    if before in {"Encrypt", "PutItem"}:
        with pytest.raises(FieldInvalid, match="created meanwhile"):
            safe.step("createSecret", token)
    else:
        safe.step("createSecret", token)
    safe.rotate(token)

    assert judge(safe.key, clock.now) is Outcome.VALID
    assert safe.value()["generation"] == 1
