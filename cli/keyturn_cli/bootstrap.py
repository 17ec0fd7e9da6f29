"""The first admin key of a deployed stack: the only verb that speaks to AWS."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from keyturn_cli.errors import Misused, NotAuthorised, NotFound, Refused, Unanswered
from keyturn_cli.records import Issued

_CONFIG = Config(connect_timeout=5, read_timeout=35, retries={"mode": "standard"})
_OUTPUT = "CreateKeyFunctionArn"
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
    """A deployed stack: the ARN of its create function, and where its API is."""

    function: str
    url: str
    session: boto3.Session

    def issue(self, alias: str) -> Issued:
        """Make an admin key, or renew the one that the alias has.

        A call that AWS repeats for want of an answer renews what the first one made: the same key.

        Raises:
            Failed: there is none.
        """
        body = {"alias": alias, "name": "First admin", "roles": ["admin"]}
        with _aws():
            answer = self.session.client("lambda", config=_CONFIG).invoke(
                FunctionName=self.function, Payload=json.dumps(body)
            )
            payload = answer["Payload"].read()
        if "FunctionError" in answer:
            raise Unanswered("the function failed", f"Its log says why: {self.function}")
        try:
            said = json.loads(payload)
            status = said["status"]
            if status in {HTTPStatus.CREATED, HTTPStatus.OK}:
                return Issued.model_validate(said)
            what = f"{said['error']} ({status} {said['code']})"
        except (ValueError, TypeError, KeyError):  # pydantic's own error is a ValueError
            raise Unanswered("the function does not answer as Keyturn's does") from None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unanswered(what, "The same again is safe: it makes the key, or renews it.")
        raise Refused(what, "Another --alias may do.")


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
    if _OUTPUT not in outputs:
        raise NotFound(
            f"the stack {name} has no output {_OUTPUT}: it is not Keyturn's, or not deployed yet"
        )
    return Stack(outputs[_OUTPUT], outputs.get("Url", ""), session)


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
        raise Unanswered(f"{said} ({code})") from None
    except ResponseParserError:  # it quotes what it could not read
        raise Unanswered("what answers there is not AWS") from None
    except exceptions.BotoCoreError as error:
        raise Unanswered(str(error)) from None
