"""What guards the data is there, and the table is the one the rows are written for."""

import re
from typing import Any

import pytest

from keyturn import row
from tests.infra.declared import resolved, written

TABLE = resolved("AWS::DynamoDB::GlobalTable")["Table"]
OUTLIVES = ("Table", "Key", "ApiGatewayLogRole", "ApiGatewayAccount", "UntoldChanges")


def test_the_account_administers_the_kms_key_and_only_keyturns_context_uses_it() -> None:
    statements = resolved("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    account = {"AWS": "arn:aws:iam::123456789012:root"}
    assert [statement["Principal"] for statement in statements] == [account, account]
    administers, uses = ({*statement["Action"]} for statement in statements)
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= administers
    assert uses == {"kms:Encrypt", "kms:Decrypt"}
    # Named one by one, and none that opens a ciphertext or lets somebody else do so.
    assert not [a for a in administers if re.search(r"\*|crypt|CreateGrant|GenerateDataKey", a)]


@pytest.mark.parametrize("resource", OUTLIVES)
def test_data_and_what_others_depend_on_outlive_the_stack(resource: str) -> None:
    declared = written()["Resources"][resource]
    assert declared["DeletionPolicy"] == declared["UpdateReplacePolicy"] == "Retain"


@pytest.mark.row("T14")
def test_the_table_is_guarded_and_can_get_a_second_region() -> None:
    assert TABLE["BillingMode"] == "PAY_PER_REQUEST"
    assert TABLE["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert TABLE["TimeToLiveSpecification"] == {"AttributeName": "delete_at", "Enabled": True}
    assert TABLE["Replicas"] == [
        {
            "Region": "us-east-1",
            "DeletionProtectionEnabled": True,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        }
    ]
    key = resolved("AWS::KMS::Key")["Key"]
    assert (key["MultiRegion"], key["EnableKeyRotation"]) == (True, True)


def test_the_tables_keys_and_indexes_are_those_the_rows_are_written_for() -> None:
    def schema(part: dict[str, Any]) -> list[str]:
        assert [key["KeyType"] for key in part["KeySchema"]] == ["HASH", "RANGE"]
        return [key["AttributeName"] for key in part["KeySchema"]]

    indexes = {index["IndexName"]: index for index in TABLE["GlobalSecondaryIndexes"]}
    assert schema(TABLE) == list(row.primary_key("an id"))
    assert {name: schema(index) for name, index in indexes.items()} == {
        "by_alias": ["kind", "alias"],
        "due": ["due_shard", "due_at"],
    }
    types = {a["AttributeName"]: a["AttributeType"] for a in TABLE["AttributeDefinitions"]}
    assert types == {
        **dict.fromkeys(("id", "item", "kind", "alias"), "S"),
        **dict.fromkeys(("due_shard", "due_at"), "N"),
    }
    assert indexes["due"]["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    listed = indexes["by_alias"]["Projection"]
    assert listed["ProjectionType"] == "INCLUDE"
    # Whole, because it cannot be changed in place; and nothing that opens or checks a key.
    assert set(listed["NonKeyAttributes"]) == {
        *("name", "roles", "metadata", "is_active", "revoked_at", "revoke_reason", "created_at"),
        *("updated_at", "updated_by", "expires_at", "ttl_days", "rotate_every_days", "generation"),
        *("hint", "previous_expires_at", "version"),
    }
