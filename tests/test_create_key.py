import create_key
from tests.support import Clock, answer, post
from tests.support_aws import Aws, Table


def test_a_new_alias_gets_a_new_key(aws: Aws, table: Table, clock: Clock) -> None:
    got = answer(create_key.handler, post({"alias": "billing", "name": "Billing"}))

    assert got.status == 201
    assert got.body["expire"] == "2027-01-30T08:00:00Z"
    assert table.row()["expires_at"] == {"N": str(clock.now + 15 * 86_400)}
    assert aws.calls == ["GetItem", "Encrypt", "PutItem"]
