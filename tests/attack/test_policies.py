"""Every function's role against everything that it should not do: its policies, evaluated.

The roles are read from the template as it is written, and as SAM turns it into CloudFormation where
the SAM CLI is installed.
"""

import pytest

from infra.local.template import Template
from keyturn import row
from tests.attack.iam import Asked, allows, denies
from tests.attack.roles import (
    ACCOUNT,
    ACTIONS,
    ARNS,
    AUDITED,
    GOOD,
    HERE,
    SECRET,
    THINGS,
    expected,
    functions,
    granted,
    on,
    read,
    translated,
)
from tests.infra.declared import PATH
from tests.infra.test_template_roles import DOES
from tests.support import api_key


@pytest.fixture(params=["written", "translated"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Template:
    if request.param == "written":
        return read(PATH)
    return translated(tmp_path_factory.getbasetemp())


def test_every_role_may_do_what_is_written_down_for_its_function_and_nothing_else(
    template: Template,
) -> None:
    cells = 0
    roles = functions(template)
    assert roles.keys() == DOES.keys()
    for function, role in roles.items():
        statements = granted(template, role)
        may = set()
        for action in ACTIONS:
            for thing in THINGS[action.partition(":")[0]]:
                cells += 1
                if allows(Asked(action, thing, GOOD), statements):
                    may.add((action, thing))
        assert may == expected(function), function
    assert cells > 2_500


@pytest.mark.row("T12")
@pytest.mark.parametrize("service", [None, "another", "Keyturn"])
def test_nobody_uses_the_kms_key_outside_the_services_context(
    template: Template, service: str | None
) -> None:
    said = {} if service is None else {"kms:EncryptionContext:service": [service]}
    wrong = {name: value for name, value in GOOD.items() if "kms" not in name} | said
    policy = on(template, "AWS::KMS::Key")
    for action in ("kms:Encrypt", "kms:Decrypt"):
        administrator = [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]
        assert allows(Asked(action, ARNS["Key.Arn"], GOOD), administrator, policy)
        assert not allows(Asked(action, ARNS["Key.Arn"], wrong), administrator, policy)
        for role in functions(template).values():
            assert not allows(Asked(action, ARNS["Key.Arn"], wrong), granted(template, role))


@pytest.mark.parametrize("action", ["kms:CreateGrant", "kms:ReEncryptFrom", "kms:GenerateDataKey"])
def test_not_even_an_administrator_goes_around_the_keys_policy(
    template: Template, action: str
) -> None:
    """By anything but a change of that policy, which CloudTrail shows."""
    administrator = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    policy = on(template, "AWS::KMS::Key")

    assert not allows(Asked(action, ARNS["Key.Arn"], GOOD), administrator, policy)
    assert allows(Asked("kms:PutKeyPolicy", ARNS["Key.Arn"], GOOD), administrator, policy)


def test_publisher_puts_audit_rows_and_no_row_of_a_key(template: Template) -> None:
    statements = granted(template, functions(template)["PublishEventsFunction"])
    whole = [*row.of_key(api_key(), "create id")]

    def puts(attributes: list[str]) -> bool:
        context = {"dynamodb:Attributes": attributes}
        return allows(Asked("dynamodb:PutItem", ARNS["Table.Arn"], context), statements)

    assert puts(AUDITED)
    assert not puts(whole)
    for name in set(whole) - {"id", "item"}:
        assert not puts([*AUDITED, name])


def test_recorder_of_usage_changes_nothing_that_a_key_consists_of_and_reads_no_row(
    template: Template,
) -> None:
    statements = granted(template, functions(template)["RecordUsageFunction"])

    def updates(*attributes: str, answers: str = "NONE") -> bool:
        context = {
            "dynamodb:Attributes": ["id", "item", *attributes],
            "dynamodb:ReturnValues": [answers],
        }
        return allows(Asked("dynamodb:UpdateItem", ARNS["Table.Arn"], context), statements)

    assert updates("valid", "batch_0", "delete_at")
    assert not updates(answers="ALL_NEW")
    for name in {*row.of_key(api_key(), "create id")} - {"id", "item"}:
        assert not updates(name)


@pytest.mark.row("T11")
def test_nobody_speaks_for_the_publisher_on_the_bus_and_it_asks_for_nothing(
    template: Template,
) -> None:
    policy = on(template, "AWS::Events::EventBusPolicy")
    anybody = [{"Effect": "Allow", "Action": "events:*", "Resource": "*"}]
    publisher = granted(template, functions(template)["PublishEventsFunction"])

    def put(source: str, role: str) -> Asked:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        context = {"events:source": [source], "aws:PrincipalArn": [arn]}
        return Asked("events:PutEvents", ARNS["EventBus.Arn"], context)

    assert allows(put("keyturn", "PublishEventsRole"), publisher, policy)
    assert not allows(put("keyturn.request", "PublishEventsRole"), publisher, policy)
    for role in ("CreateKeyRole", "RotateOnEventRole", "Admin", "PublishEventsRole2"):
        assert denies(put("keyturn", role), policy)
        assert denies(put("keyturn.request", role), policy)
        assert not allows(put("keyturn", role), anybody, policy)


@pytest.mark.parametrize("names", [None, f"arn:aws:lambda:{HERE}:function:another"])
def test_only_a_secret_that_names_the_function_is_open_to_it(
    template: Template, names: str | None
) -> None:
    statements = granted(template, functions(template)["RotateSecretFunction"])
    key = "secretsmanager:resource/AllowRotationLambdaArn"
    for action in {action for action, _ in DOES["RotateSecretFunction"] if "secrets" in action}:
        context = {} if names is None else {key: [names]}
        assert allows(Asked(action, SECRET, GOOD), statements)
        assert not allows(Asked(action, SECRET, context), statements)


@pytest.mark.parametrize(
    ("kind", "action", "thing"),
    [
        ("AWS::SQS::QueuePolicy", "sqs:SendMessage", "FailedRequests.Arn"),
        ("AWS::SQS::QueuePolicy", "sqs:ReceiveMessage", "UndeliveredRequests.Arn"),
        ("AWS::S3::BucketPolicy", "s3:GetObject", "UntoldChanges.Arn"),
    ],
)
def test_what_is_kept_is_neither_read_nor_written_in_clear(
    template: Template, kind: str, action: str, thing: str
) -> None:
    asked = Asked(action, ARNS[thing], GOOD)

    assert not denies(asked, on(template, kind))
    assert denies(asked._replace(context={"aws:SecureTransport": ["false"]}), on(template, kind))


def test_nobody_but_lambda_takes_a_functions_role(template: Template) -> None:
    for role in set(functions(template).values()):
        (trust,) = dict(template.resources("AWS::IAM::Role"))[role]["AssumeRolePolicyDocument"][
            "Statement"
        ]
        assert trust == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
