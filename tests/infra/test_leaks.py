"""Findings on the default bus become `Key Compromised`, in the form that the handler takes."""

from typing import Any

import pytest

import rotate_key
from infra.local import rules
from infra.local.functions import Function
from infra.local.resources import ACCOUNT, Resources
from infra.local.rules import Rule
from keyturn import row
from tests.infra.declared import PATH, ROOT
from tests.support import NOW, Context, Output, api_key
from tests.support_aws import Table

NAMED = {"LeakSources": "com.example.scanner,aws.securityhub"}


def declared(parameters: dict[str, str]) -> dict[str, Rule]:
    """Return the rules of the default bus with a pattern, by their names."""
    resources = Resources(PATH, "keyturn", parameters)
    name = "RotateOnEventFunction"
    function = Function(
        name=name,
        arn=resources.attribute(name, "Arn"),
        handler="rotate_key.handler",
        folder=ROOT / "functions",
        timeout=300,
        memory=512,
        environment={},
    )
    return {
        rule.arn.rpartition("-")[2]: rule
        for rule in rules.read(resources, {name: function})
        if rule.bus == "default" and rule.pattern is not None
    }


def event(source: str, detail: dict[str, Any], **others: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "version": "0",
        "id": "2b1b1b1e-0000-0000-0000-000000000001",
        "detail-type": "Whatever they call it",
        "source": source,
        "account": ACCOUNT,
        "time": "2027-01-15T09:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
        **others,
    }


def scanned(id: object) -> dict[str, Any]:
    return event("com.example.scanner", {"id": id, "where": "https://example.com/paste"})


def found(id: object) -> dict[str, Any]:
    finding = {"Id": "a finding", "ProductFields": {"KeyturnId": id}, "Types": ["Sensitive Data"]}
    return event("aws.securityhub", {"findings": [finding]})


@pytest.fixture
def leaked(table: Table) -> str:
    """A key that is about to be reported; its id."""
    key = api_key(created_at=NOW, updated_request="")
    table.put(row.of_key(key, "create id"))
    return key.id


@pytest.mark.parametrize("report", [scanned, found])
def test_a_finding_that_names_a_key_revokes_it(
    report: Any,  # noqa: ANN401 - one of two functions
    leaked: str,
    table: Table,
) -> None:
    taken = [rule for rule in declared(NAMED).values() if rule.takes("default", report(leaked))]
    ((target,),) = (rule.targets for rule in taken)

    rotate_key.handler(target.input(report(leaked)), Context())

    changed = table.row()
    assert changed["is_active"] == {"BOOL": False}
    assert changed["revoke_reason"] == {"S": "compromised"}
    assert changed["updated_by"] == {"S": "event:2b1b1b1e-0000-0000-0000-000000000001"}


@pytest.mark.row("T10")
@pytest.mark.parametrize("id", ['x"}, "source": "other', "", 7, None, {"a": 1}, ["x"]])
@pytest.mark.parametrize("report", [scanned, found])
def test_what_a_finding_says_cannot_become_another_request(
    report: Any,  # noqa: ANN401 - one of two functions
    id: object,
    leaked: str,
    table: Table,
    output: Output,
) -> None:
    assert leaked
    for rule in declared(NAMED).values():
        if rule.takes("default", report(id)):
            rotate_key.handler(rule.targets[0].input(report(id)), Context())

    assert table.row()["is_active"] == {"BOOL": True}
    assert {r["code"] for r in output.records() if "code" in r} <= {"field_invalid", "not_found"}


@pytest.mark.row("T10")
@pytest.mark.parametrize(
    "other",
    [
        event("com.example.other", {"id": "03Oz2OpdnmGrg8ARP"}),
        event("com.example.scanner", {"key": "03Oz2OpdnmGrg8ARP"}),
        event("com.example.scanner", {"id": "03Oz2OpdnmGrg8ARP"}, account="210987654321"),
        event("com.example.scanner", {"id": "03Oz2OpdnmGrg8ARP"}, **{"replay-name": "again"}),
        event("aws.securityhub", {"findings": [{"Id": "a finding"}]}),
        event("aws.securityhub", {"findings": []}),
        event("aws.guardduty", {"id": "03Oz2OpdnmGrg8ARP"}),
    ],
)
def test_other_events_of_the_default_bus_are_not_for_us(other: dict[str, Any]) -> None:
    assert not [r for r in declared(NAMED).values() if r.takes("default", other)]


def test_nothing_of_the_default_bus_is_taken_where_nobody_is_named() -> None:
    assert declared({}) == {}
    assert declared(NAMED).keys() == {"LeaksRule", "FindingsRule"}
