import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import create_key
from keyturn import keytext, schemas
from keyturn.answers import ItemResponse, KeyResponse
from keyturn.errors import AliasRequired, FieldInvalid, NameRequired, RolesInvalid
from keyturn.issuer import Issued
from keyturn.keys import Reason
from keyturn.schemas import CreateRequest, VerifyRequest
from keyturn.tally import NEVER, LastUse
from tests.support import NOW, answer, api_key, post
from tests.support_aws import Aws

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS: dict[str, Any] = {"alias": "a", "name": "A", "roles": ["user"], "ttl_days": 7}
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "alias": JSON,
        "name": st.just("A") | JSON,
        "roles": st.lists(st.sampled_from(["admin", "user", "x"])) | JSON,
        "ttl_days": st.integers(-1, 400) | JSON,
        "metadata": st.dictionaries(st.text(), st.text()) | JSON,
        "other": JSON,
    },
)


@given(JSON | BODIES)
def test_no_json_whatever_is_a_fault_of_ours(aws: Aws, body: object) -> None:
    answered = answer(create_key.handler, post(body))

    assert answered.status in {200, 201, 400}, answered.body
    assert bool(aws.calls) is (answered.status != 400)
    aws.forget()


@given(st.binary(max_size=200))
def test_no_bytes_whatever_are_a_fault_of_ours(aws: Aws, body: bytes) -> None:
    assert answer(create_key.handler, post(body)).status == 400
    assert aws.calls == []


def test_leaving_metadata_out_is_not_the_same_as_none_of_it() -> None:
    left_out = CreateRequest.model_validate({"alias": "a", "name": "A"}).grant()
    cleared = CreateRequest.model_validate({"alias": "a", "name": "A", "metadata": {}}).grant()

    assert (left_out.metadata, cleared.metadata) == (None, {})
    assert (left_out.roles, left_out.ttl_days) == ((), 15)


@pytest.mark.parametrize("order", [*permutations(range(4))], ids=str)
def test_the_first_error_of_the_contract_s_order_is_answered(order: tuple[int, ...]) -> None:
    found = [
        {"type": "missing", "loc": ("body", "alias"), "msg": "Field required"},
        {"type": "name_required", "loc": ("body", "name"), "msg": "Name is required"},
        {"type": "roles_invalid", "loc": ("body", "roles"), "msg": "roles must be"},
        {"type": "int_type", "loc": ("body", "ttl_days"), "msg": "must be"},
    ]
    shuffled = [found[at] for at in order]
    classes = (AliasRequired, NameRequired, RolesInvalid, FieldInvalid)

    for left_out, expected in enumerate(classes):
        assert type(schemas.refusal(shuffled)) is expected
        shuffled.remove(found[left_out])


def test_errors_of_one_rank_are_answered_in_the_fields_own_order() -> None:
    with pytest.raises(ValidationError) as refused:
        CreateRequest.model_validate(FIELDS | {"metadata": 5, "ttl_days": "7", "alias": True})

    errors = [error | {"loc": ("body", *error["loc"])} for error in refused.value.errors()]
    assert schemas.refusal(errors).message == "alias: must be a string or an integer"


def test_another_field_that_is_missing_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        VerifyRequest.model_validate({"roles": []})

    errors = [error | {"loc": ("body", *error["loc"])} for error in refused.value.errors()]
    assert schemas.refusal(errors).message == "key: is required"


@pytest.mark.parametrize("model", [CreateRequest, VerifyRequest])
def test_what_was_sent_stands_in_no_error(model: type[CreateRequest | VerifyRequest]) -> None:
    bad = {"alias": ["Canary"], "name": {"Canary": 1}, "key": ["Canary"], "roles": ["Canary"]}

    with pytest.raises(ValidationError) as refused:
        model.model_validate(bad)

    assert "Canary" not in str(refused.value)


def test_a_model_that_holds_a_key_does_not_show_it() -> None:
    text = keytext.mint("kt", "A" * 17)
    response = KeyResponse.of(Issued(api_key(text), text, renewed=False))
    request = VerifyRequest.model_validate({"key": text.reveal()})

    assert json.loads(response.model_dump_json())["key"] == text.reveal()
    assert not any(text.reveal()[-38:-6] in repr(held) + str(held) for held in (response, request))


def test_an_item_shows_everything_but_the_key() -> None:
    key = api_key(
        is_active=False,
        revoked_at=NOW + 1,
        revoke_reason=Reason.CESSATION,
        previous_expires_at=NOW + 2,
        rotate_every_days=90,
        metadata={"a": "b"},
        generation=3,
    )
    use = LastUse({2: NOW + 3, 3: NOW + 4})

    assert json.loads(ItemResponse.of(key, use, NOW).model_dump_json()) == {
        "id": key.id,
        "alias": "billing",
        "name": "Billing",
        "roles": ["user"],
        "is_active": False,
        "expire": "2027-01-30T08:00:00Z",
        "ttl_days": 15,
        "generation": 3,
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "metadata": {"a": "b"},
        "status": "revoked",
        "hint": key.hint,
        "revoked_at": "2027-01-15T08:00:01Z",
        "revoke_reason": "cessation",
        "previous_expires_at": "2027-01-15T08:00:02Z",
        "rotate_every_days": 90,
        "updated_by": "iam",
        "last_used_at": "2027-01-15T08:00:04Z",
        "last_generation_used": 3,
        "previous_last_seen_at": "2027-01-15T08:00:03Z",
    }


def test_what_was_never_set_is_null() -> None:
    item = ItemResponse.of(api_key(), NEVER, NOW)

    assert (item.status, item.revoked_at, item.revoke_reason, item.previous_expires_at) == (
        *("active", None, None, None),
    )
    assert (item.last_used_at, item.last_generation_used, item.previous_last_seen_at) == (
        *(None, None, None),
    )
