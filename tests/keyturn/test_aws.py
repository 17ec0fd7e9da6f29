import re

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from keyturn import aws as sdk
from keyturn.errors import Unavailable
from keyturn.issuer import START_OVER
from tests.conftest import TEMPLATE
from tests.support_aws import Aws, lost_request, refused

KEY = {"id": {"S": "A" * 17}, "item": {"S": "key"}}


def read() -> None:
    with sdk.answered():
        sdk.dynamodb().get_item(TableName="keyturn-Table", Key=KEY)


def test_all_calls_of_a_verb_fit_into_the_function_s_timeout() -> None:
    (timeout,) = re.findall(
        r"^    Timeout: (\d+)$", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE
    )
    longest_pause = 1

    call = 2 * (1 + 2) + longest_pause
    create_or_renew = 3 * call + START_OVER

    assert create_or_renew < int(timeout) < 29


def test_every_client_has_this_configuration() -> None:
    for client in (sdk.dynamodb(), sdk.kms()):
        config = vars(client.meta.config)["_user_provided_options"]
        assert (config["connect_timeout"], config["read_timeout"]) == (1, 2)
        assert config["retries"] == {"mode": "standard", "total_max_attempts": 2}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("AccessDeniedException", 400),
        ("ResourceNotFoundException", 400),
        ("UnrecognizedClientException", 400),
        ("ItemCollectionSizeLimitExceededException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
    ],
)
def test_whatever_aws_cannot_do_now_is_unavailable(
    code: str, status: int, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.always("GetItem", refused(code, status))

    with pytest.raises(Unavailable) as error:
        read()

    assert error.value.detail == f"GetItem: {code}"
    assert error.value.__suppress_context__


def test_a_broken_connection_is_unavailable_and_tried_twice(aws: Aws) -> None:
    aws.always("GetItem", lost_request)

    with pytest.raises(Unavailable) as error:
        read()

    assert error.value.detail == "ConnectionClosedError"
    assert aws.calls == ["GetItem", "GetItem"]


def test_what_passes_by_the_second_attempt_is_no_failure(aws: Aws) -> None:
    aws.plan("GetItem", refused("InternalServerError", 500))

    read()

    assert aws.calls == ["GetItem", "GetItem"]


def test_missing_credentials_are_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(Unavailable) as error:
        read()

    assert error.value.detail == "NoCredentialsError"


def test_a_request_that_is_wrong_in_itself_is_our_fault(aws: Aws) -> None:
    aws.plan("GetItem", refused("ValidationException"))

    with pytest.raises(ClientError), sdk.answered():
        sdk.dynamodb().get_item(TableName="keyturn-Table", Key=KEY)
    with pytest.raises(ParamValidationError), sdk.answered():
        sdk.dynamodb().get_item(TableName="keyturn-Table")  # type: ignore[call-arg]
