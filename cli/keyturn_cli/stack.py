"""A deployed stack and its functions, by the caller's own AWS credentials."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from keyturn_cli.errors import Misused, NotAuthorised, NotFound, Unanswered

CONNECTIONS = 16

# The slowest function may take 120 s.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=125,
    retries={"mode": "standard"},
    max_pool_connections=CONNECTIONS,
)
_OURS = "CreateKeyFunctionArn"
_KIND = re.compile(r"[A-Za-z][A-Za-z.]{0,63}")
_SETTINGS = (
    exceptions.NoCredentialsError,
    exceptions.NoRegionError,
    exceptions.ProfileNotFound,
    exceptions.PartialCredentialsError,
    exceptions.InvalidRegionError,
)
_SIGNED_OUT = (
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
    exceptions.CredentialRetrievalError,
)
_DENIED = (
    "AccessDenied",
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "Signature",
)


@dataclass(frozen=True)
class Stack:
    """A deployed stack and what it puts out."""

    outputs: Mapping[str, str]
    session: boto3.Session

    def function(self, output: str) -> "Function":
        """Return the function whose ARN is this output, which is there.

        Raises:
            Misused: no credentials, or no Region.
        """
        with _aws():
            return Function(self.outputs[output], self.session.client("lambda", config=_CONFIG))


@dataclass(frozen=True)
class Function:
    """A function that is invoked directly, also by several threads at once."""

    arn: str
    client: Any

    def invoke(self, event: object) -> Any:  # noqa: ANN401 - any JSON
        """Invoke it and return what it returns. AWS repeats a call for want of an answer.

        Raises:
            Failed: it did not run, or failed; nothing of what it was sent is told.
        """
        with _aws():
            answer = self.client.invoke(FunctionName=self.arn, Payload=json.dumps(event))
            payload = answer["Payload"].read()
        try:
            said = json.loads(payload)
        except ValueError:
            said = None
        if "FunctionError" in answer:
            kind = str(said.get("errorType", "")) if isinstance(said, dict) else ""
            shown = f" ({kind})" if _KIND.fullmatch(kind) else ""
            raise Unanswered(f"the function failed{shown}", f"Its log says why: {self.arn}")
        if not isinstance(said, dict):
            raise unlike_ours()
        return said


def unlike_ours() -> Unanswered:
    """Return the end of a call that something else answered."""
    return Unanswered("the function does not answer as Keyturn's does")


def find(name: str, region: str | None, profile: str | None) -> Stack:
    """Look up a stack.

    Raises:
        Failed: there is none, or it is not Keyturn's.
    """
    with _aws():
        session = boto3.Session(profile_name=profile, region_name=region)
        client = session.client("cloudformation", config=_CONFIG)
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    if _OURS not in outputs:
        raise NotFound(
            f"the stack {name} has no output {_OURS}: it is not Keyturn's, or not deployed yet"
        )
    return Stack(outputs, session)


@contextmanager
def _aws() -> Iterator[None]:
    """Make what AWS says an end of ours."""
    try:
        yield
    except _SETTINGS as error:
        raise Misused(str(error), "See `aws configure`, --region and --aws-profile.") from None
    except _SIGNED_OUT as error:
        raise NotAuthorised(str(error), "Sign in to AWS again.") from None
    except exceptions.ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code.startswith(_DENIED):
            raise NotAuthorised(
                f"{said} ({code})",
                "Needed: cloudformation:DescribeStacks, and lambda:InvokeFunction on the function.",
            ) from None
        if code == "ValidationError" and "does not exist" in said:
            raise NotFound(f"{said} here", "Give the right --stack-name and --region.") from None
        if code == "InvalidRequestContentException":  # it quotes what it could not read
            said = "the function's service does not understand what it is sent"
        raise Unanswered(f"{said} ({code})") from None
    except ResponseParserError:  # it quotes what it could not read
        raise Unanswered("what answers there is not AWS") from None
    except exceptions.BotoCoreError as error:
        raise Unanswered(str(error)) from None
