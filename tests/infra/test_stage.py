"""Before anything is built, it is said where a stage goes, or what is missing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.local.template import Template
from infra.stage import stages
from tests.infra.declared import PATH, PSEUDO, ROOT, written

NAMED = {
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CloudWatch::InsightRule": "RuleName",
    "AWS::Events::EventBus": "Name",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::Serverless::Api": "Name",
}


def said(stage: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH",)}
    nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", "infra.stage", stage],
        cwd=ROOT,
        env=kept | nobody | {"AWS_EC2_METADATA_DISABLED": "true"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("stage", "environment", "why"),
    [
        ("nowhere", {}, "no stage 'nowhere', but default, dev, prod."),
        ("prod", {}, "No Region is named"),
        ("prod", {"AWS_DEFAULT_REGION": "eu-central-1"}, "AWS cannot be asked who you are"),
    ],
    ids=["stage", "region", "credentials"],
)
def test_what_is_missing_is_said_in_words(
    stage: str, environment: dict[str, str], why: str
) -> None:
    done = said(stage, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing is deployed. ")
    assert why in done.stderr
    assert "Traceback" not in done.stderr


class Sts(BaseHTTPRequestHandler):
    """Says who is asking; where the secret is `expired`, that they are nobody."""

    def do_POST(self) -> None:
        expired = "expired" in self.headers["Authorization"]
        kind = "ErrorResponse" if expired else "GetCallerIdentityResponse"
        body = (
            "<Error><Code>ExpiredToken</Code><Message>made-up-secret</Message></Error>"
            if expired
            else "<GetCallerIdentityResult>"
            "<Account>123456789012</Account></GetCallerIdentityResult>"
        )
        answer = f"<{kind}>{body}</{kind}>".encode()
        self.send_response(403 if expired else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sts() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Sts) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_stage_is_said_with_its_stack_account_and_region(sts: str) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "made-up-secret"}
    region = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": sts}
    done = said("prod", **credentials, **region)
    assert done.stdout == "Stage prod: stack keyturn-prod in account 123456789012, eu-central-1\n"


def test_credentials_that_have_ended_are_named_by_aws_code_alone(sts: str) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "expired", "AWS_SECRET_ACCESS_KEY": "made-up-secret"}
    region = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": sts}
    done = said("prod", **credentials, **region)
    assert (
        done.stderr == "Nothing is deployed. AWS does not take these credentials: ExpiredToken.\n"
    )


def test_no_two_stages_have_a_stack_in_common() -> None:
    assert len({*stages().values()}) == len(stages())


@pytest.mark.parametrize(
    "path", [PATH, *sorted((ROOT / "infra").glob("*.yaml"))], ids=lambda path: path.name
)
def test_two_stages_of_one_account_meet_in_no_name(path: Path) -> None:
    def names(stack: str) -> set[str]:
        given = {
            "Operating": "true",
            "Firewall": "true",
            "Rollout": "Canary10Percent5Minutes",
            **{n: f"the-{n}" for n, p in written(path)["Parameters"].items() if "Default" not in p},
            "Stack": stack,
        }
        pseudo = PSEUDO | {"AWS::StackName": stack}
        template = Template(path, pseudo, lambda name, part: f"{name}.{part}", given)
        found = {
            str(properties[NAMED[kind]])
            for kind in NAMED
            for _, properties in template.resources(kind)
            if NAMED[kind] in properties
        }
        # Nor in what a metric is told apart by.
        for _, alarm in template.resources("AWS::CloudWatch::Alarm"):
            found |= {
                str(dimension)
                for dimension in alarm.get("Dimensions", [])
                if dimension["Name"] == "service"
            }
        return found

    assert names("keyturn-dev").isdisjoint(names("keyturn-prod"))
