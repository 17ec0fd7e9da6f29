"""What a client of the API is told when the database or KMS fails, and what is stored then."""

import time
from contextlib import ExitStack

import pytest

from infra.local.emulator import moto
from infra.local.stack import local_stack
from tests.e2e.served import Answer, Service
from tests.faults import wire
from tests.faults.wire import Fault, Wire

pytestmark = pytest.mark.prove

MESSAGE = "service unavailable, try again"


def is_unavailable(answer: Answer) -> bool:
    return answer.is_error(503, "unavailable", MESSAGE)


def in_the_function(service: Service, operation: str, fault: Fault) -> None:
    """Let the authorizer's read pass, and everything of this operation after it meet the fault."""
    if operation == "GetItem":
        service.wire.plan("GetItem", wire.whole)
    service.wire.always(operation, fault)


KMS = {
    "denied": wire.refused("AccessDeniedException"),
    "disabled": wire.refused("DisabledException"),
    "pending deletion": wire.refused("KMSInvalidStateException"),
    "gone": wire.refused("NotFoundException"),
    "throttled": wire.refused("ThrottlingException"),
    "failing": wire.refused("KMSInternalException", 500),
    "too slow inside": wire.refused("DependencyTimeoutException", 503),
    "out of reach": wire.lost_request,
    "silent at the end": wire.lost_reply,
    "cut off": wire.half_reply,
}


@pytest.mark.row("F5")
@pytest.mark.parametrize("fault", KMS.values(), ids=KMS)
def test_create_without_kms_is_503_and_writes_nothing(
    service: Service, alias: str, fault: Fault
) -> None:
    service.wire.always("Encrypt", fault)

    assert is_unavailable(service.post({"alias": alias, "name": "n"}))

    assert set(service.wire.calls) == {"GetItem", "Encrypt"}
    assert service.row(alias) is None
    service.wire.heal()
    assert service.post({"alias": alias, "name": "n"}).status == 201


@pytest.mark.row("F5")
@pytest.mark.parametrize(
    "fault",
    [
        *KMS.values(),
        wire.refused("InvalidCiphertextException"),
        wire.refused("IncorrectKeyException"),
    ],
    ids=[*KMS, "another ciphertext", "another key"],
)
def test_renewal_without_kms_is_503_and_changes_nothing(
    service: Service, alias: str, fault: Fault
) -> None:
    created = service.create(alias, ttl_days=1)
    before = service.row(alias)
    service.wire.heal()
    service.wire.always("Decrypt", fault)

    assert is_unavailable(service.post({"alias": alias, "name": "later", "ttl_days": 365}))

    assert set(service.wire.calls) == {"GetItem", "Decrypt"}
    assert service.row(alias) == before
    service.wire.heal()
    assert service.create(alias)["key"] == created["key"]


@pytest.mark.row("F5")
def test_revocation_and_admission_do_not_need_kms(service: Service, alias: str) -> None:
    made = service.create(alias, roles=["admin"])
    service.wire.always("Decrypt", wire.lost_request)
    service.wire.always("Encrypt", wire.lost_request)

    assert service.admits(made["key"])
    assert service.delete(made["key"]).status == 200
    assert service.post({}, key=made["key"]).is_error(401, "unauthorized")


DATABASE = {
    "throttled": wire.refused("ProvisionedThroughputExceededException"),
    "throttled as a whole": wire.refused("ThrottlingException"),
    "failing": wire.refused("InternalServerError", 500),
    "unavailable": wire.refused("ServiceUnavailable", 503),
    "denied": wire.refused("AccessDeniedException"),
    "without its table": wire.refused("ResourceNotFoundException"),
    "out of reach": wire.lost_request,
}


@pytest.mark.row("F3")
@pytest.mark.parametrize("operation", ["GetItem", "Encrypt", "PutItem", "UpdateItem"])
def test_call_that_is_throttled_once_is_made_again_and_nobody_sees_it(
    service: Service, alias: str, operation: str
) -> None:
    service.wire.plan(operation, wire.refused("ThrottlingException"))

    made = service.create(alias)
    assert service.delete(made["id"]).status == 200

    usual = ["GetItem", "GetItem", "Encrypt", "PutItem", "GetItem", "UpdateItem"]
    again = usual.index(operation)
    assert service.wire.calls == [*usual[:again], operation, *usual[again:]]
    row = service.row(alias)
    assert row is not None
    assert row["version"] == {"N": "2"}


@pytest.mark.row("F3")
@pytest.mark.parametrize("operation", ["GetItem", "PutItem"])
@pytest.mark.parametrize("fault", DATABASE.values(), ids=DATABASE)
def test_create_without_the_database_is_503_and_writes_nothing(
    service: Service, alias: str, operation: str, fault: Fault
) -> None:
    in_the_function(service, operation, fault)

    assert is_unavailable(service.post({"alias": alias, "name": "n"}))

    assert service.row(alias) is None
    service.wire.heal()
    assert service.post({"alias": alias, "name": "n"}).status == 201


@pytest.mark.row("F3")
@pytest.mark.parametrize("fault", DATABASE.values(), ids=DATABASE)
def test_renewal_and_revocation_without_the_database_are_503_and_change_nothing(
    service: Service, alias: str, fault: Fault
) -> None:
    made = service.create(alias)
    before = service.row(alias)
    service.wire.always("UpdateItem", fault)

    assert is_unavailable(service.post({"alias": alias, "name": "later"}))
    assert is_unavailable(service.delete(made["id"]))

    assert service.row(alias) == before
    service.wire.heal()
    assert service.delete(made["id"]).status == 200


@pytest.mark.row("F3")
@pytest.mark.parametrize("fault", DATABASE.values(), ids=DATABASE)
def test_authorizer_that_cannot_know_is_503_and_never_401_or_access(
    service: Service, alias: str, fault: Fault
) -> None:
    service.wire.always("GetItem", fault)

    assert is_unavailable(service.post({"alias": alias, "name": "n"}))

    assert set(service.wire.calls) == {"GetItem"}
    service.wire.heal()
    assert service.admits(service.stack.admin_key)


def test_without_the_database_only_what_cannot_be_a_key_is_known_to_be_none(
    service: Service, alias: str
) -> None:
    good = service.create(alias, roles=["admin"])["key"]
    revoked = service.create(f"{alias}-2", roles=["admin"])
    assert service.delete(revoked["id"]).status == 200
    service.wire.always("GetItem", wire.lost_request)

    for key in (good, revoked["key"]):
        assert is_unavailable(service.post({"alias": alias, "name": "n"}, key=key))
        assert is_unavailable(service.delete(revoked["id"], by=key))
    assert service.post({}, key=good[:-1]).is_error(401, "unauthorized")
    service.wire.heal()
    assert service.admits(good)
    assert not service.admits(revoked["key"])


@pytest.mark.row("F1")
@pytest.mark.parametrize(
    "fault", [wire.lost_reply, wire.half_reply, wire.failed_reply], ids=["no", "half", "another"]
)
def test_lost_reply_to_each_write_answers_the_truth(
    service: Service, alias: str, fault: Fault
) -> None:
    service.wire.plan("PutItem", fault)
    created = service.post({"alias": alias, "name": "n"})
    service.wire.plan("UpdateItem", fault)
    renewed = service.post({"alias": alias, "name": "n"})
    service.wire.plan("UpdateItem", fault)
    revoked = service.delete(renewed.body["key"])

    assert [created.status, renewed.status, revoked.status] == [201, 200, 200]
    assert renewed.body["key"] == created.body["key"]
    row = service.row(alias)
    assert row is not None
    assert row["version"] == {"N": "3"}
    writes = [passed for passed in service.wire.passed if passed.operation != "GetItem"]
    assert sum(passed.status == 200 for passed in writes) == 3 + 2  # and one KMS call each


@pytest.mark.row("F2")
def test_outcome_that_is_unknown_is_503_and_its_repeat_converges(
    service: Service, alias: str
) -> None:
    service.wire.always("PutItem", wire.lost_reply)
    assert is_unavailable(service.post({"alias": alias, "name": "n"}))
    service.wire.heal()
    row = service.row(alias)
    assert row is not None

    repeated = service.post({"alias": alias, "name": "n"})
    assert repeated.status == 200
    assert service.post({"alias": alias, "name": "n"}).body["key"] == repeated.body["key"]

    service.wire.always("UpdateItem", wire.lost_reply)
    assert is_unavailable(service.delete(repeated.body["id"]))
    service.wire.heal()
    assert service.delete(repeated.body["id"]).is_error(404, "not_found")
    assert not service.admits(repeated.body["key"])


def test_request_that_the_database_calls_wrong_is_our_fault_and_500(
    service: Service, alias: str
) -> None:
    service.wire.always("PutItem", wire.refused("ValidationException"))

    answer = service.post({"alias": alias, "name": "n"})

    assert answer.is_error(500, "internal_error", "internal error")


def test_first_admin_without_kms_is_503_in_the_answer_of_a_direct_invoke(
    service: Service, alias: str
) -> None:
    service.wire.always("Encrypt", wire.lost_request)

    answer = service.stack.invoke("CreateKeyFunction", {"alias": alias, "name": "n"})

    assert (answer["status"], answer["code"], answer["error"]) == (503, "unavailable", MESSAGE)


def test_database_that_is_gone_is_503_at_once() -> None:
    with ExitStack() as end, ExitStack() as end_of_aws:
        endpoint = end_of_aws.enter_context(moto())
        stack = end.enter_context(local_stack(aws=endpoint))
        service = Service(stack, Wire(endpoint), None)
        assert service.admits(stack.admin_key)

        end_of_aws.close()  # nobody listens on its port any more

        started = time.monotonic()
        assert is_unavailable(service.post({"alias": "a", "name": "n"}))
        assert is_unavailable(service.delete("0" * 17))
        assert stack.invoke("CreateKeyFunction", {"alias": "a", "name": "n"})["status"] == 503
        assert time.monotonic() - started < 3
