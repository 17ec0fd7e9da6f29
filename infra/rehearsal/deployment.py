"""The packaged template, deployed by the SAM CLI to an emulator of AWS, and wired by nothing else.

The emulator (ministack) is an implementation of CloudFormation, API Gateway, Lambda, EventBridge,
DynamoDB's streams, KMS and IAM that shares nothing with `infra.local`. It enforces IAM: every
function does what its role allows and no more, and signs what it sends, as it must on AWS.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config

from infra.local.functions import FunctionError
from infra.local.resources import ACCOUNT, REGION
from infra.local.stack import first_admin_key
from infra.rehearsal import made
from infra.rehearsal.group import group
from infra.rehearsal.template import adapted

STACK = "keyturn"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # its root user's
_READY_SECONDS = 30
_DEPLOY_SECONDS = 300
# The first call waits for the bundle to be unpacked, on a machine that may be busy.
_PATIENT = Config(read_timeout=120, retries={"total_max_attempts": 1})


class DeployError(Exception):
    """The emulator did not start, or took not what it was given; the text has their own words."""


@dataclass(frozen=True)
class Deployment:
    """The stack as it stands there; `outputs` are the template's."""

    aws_endpoint: str
    outputs: Mapping[str, str]

    @property
    def url(self) -> str:
        """Return where the API is."""
        api, stage = self.outputs["Url"].removeprefix("https://").split("/")
        return f"{self.aws_endpoint}/_aws/execute-api/{api.partition('.')[0]}/{stage}"

    @property
    def table(self) -> str:
        """Return the name of the table."""
        return self.outputs["TableName"]

    @property
    def event_bus(self) -> str:
        """Return the name of the bus."""
        return self.outputs["EventBusName"]

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's client
        """Return a client of the account's root user, for whoever closes it."""
        return boto3.Session().client(
            service,  # type: ignore[call-overload]  # any service there is
            endpoint_url=self.aws_endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=_PATIENT,
        )

    def invoke(self, function: str, event: object) -> Any:  # noqa: ANN401 - any JSON
        """Invoke a function by its logical id.

        Raises:
            FunctionError: it raised, or ran out of time.
        """
        with closing(self.client("lambda")) as client:
            name = self.outputs[f"{function}Arn"]
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionError(result.get("errorType", ""), result.get("errorMessage", ""))
        return result

    @cached_property
    def admin_key(self) -> str:
        """The first admin key, made at the first asking."""
        return first_admin_key(self.invoke)


@contextmanager
def emulator(port: int, log: IO[bytes], through: str = "") -> Iterator[str]:
    """Run the emulator; yields its URL. `through` is where its functions find AWS, if not there.

    Raises:
        NotMadeError: `make rehearsal` first.
        DeployError: it did not start.
    """
    made.deployer()
    # In memory where that is to be had: each process of a function unpacks the bundle for itself.
    memory = Path("/dev/shm")  # noqa: S108 - only the place; the name is made by tempfile
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder, group() as processes:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "AUTH": "true",
            **({"AWS_ENDPOINT_URL": through} if through else {}),
        }
        process = processes.start([made.MINISTACK], env, Path(folder), log)
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DeployError("the emulator of AWS (ministack) did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


def deploy(endpoint: str, parameters: Mapping[str, str]) -> Deployment:
    """Deploy what `make rehearsal` built; its functions that nobody waits for find AWS there too.

    Raises:
        NotMadeError: `make rehearsal` first.
        DeployError: the SAM CLI could not.
    """
    sam = made.deployer()
    text = adapted(made.TEMPLATE, made.BUNDLE, behind={"AWS_ENDPOINT_URL": endpoint})
    with (
        tempfile.TemporaryDirectory() as folder,
        # Beside the one that was built, whose paths it has.
        tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=made.BUILD, suffix=".yaml") as file,
    ):
        file.write(text)
        file.flush()
        given = {"Architecture": "x86_64", **parameters}
        command = (
            *(str(sam), "deploy", "--template-file", file.name, "--stack-name", STACK),
            *("--resolve-s3", "--no-confirm-changeset", "--no-progressbar"),
            *("--capabilities", "CAPABILITY_IAM", "--region", REGION, "--parameter-overrides"),
            *(f"{name}={value}" for name, value in given.items()),
        )
        env = {
            **CREDENTIALS,
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
        }
        done = subprocess.run(  # noqa: S603 - our own words
            command,
            env=env,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_DEPLOY_SECONDS,
            check=False,
        )
    if done.returncode:
        raise DeployError(done.stdout[-3000:])
    return Deployment(endpoint, _outputs(endpoint))


def _outputs(endpoint: str) -> dict[str, str]:
    with closing(Deployment(endpoint, {}).client("cloudformation")) as client:
        (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
