"""Says where a stage would be deployed, before anything is built: `make deploy STAGE=prod`.

    python -m infra.stage STAGE

Stages are what samconfig.toml has settings for. Fails, in words, where there is no such stage, no
Region, or nobody that AWS knows.
"""

import sys
import tomllib
from contextlib import closing
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SAMCONFIG = Path(__file__).parents[1] / "samconfig.toml"
_PATIENT = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})


class NotReadyError(Exception):
    """Something is missing; the text says what, and what to do."""


def stages(path: Path = SAMCONFIG) -> dict[str, str]:
    """Return the stages, and the name of each one's stack."""
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: section["global"]["parameters"]["stack_name"]
        for name, section in sections.items()
        if isinstance(section, dict)
    }


def place(stage: str) -> str:
    """Return where the stage goes, in a sentence.

    Raises:
        NotReadyError: as above.
    """
    known = stages()
    if stage not in known:
        raise NotReadyError(
            f"samconfig.toml has no stage {stage!r}, but {', '.join(sorted(known))}."
        )
    session = boto3.Session()
    if session.region_name is None:
        raise NotReadyError(
            "No Region is named: set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile that has one."
        )
    try:
        with closing(session.client("sts", config=_PATIENT)) as sts:
            account = sts.get_caller_identity()["Account"]
    except ClientError as error:
        # The code alone: what AWS says beside it may quote the credentials.
        code = error.response.get("Error", {}).get("Code", "refused")
        raise NotReadyError(f"AWS does not take these credentials: {code}.") from None
    except BotoCoreError as error:
        raise NotReadyError(
            f"AWS cannot be asked who you are ({type(error).__name__}): "
            "log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from None
    return f"Stage {stage}: stack {known[stage]} in account {account}, {session.region_name}"


if __name__ == "__main__":
    try:
        sys.stdout.write(place(sys.argv[1]) + "\n")
    except NotReadyError as error:
        sys.exit(f"Nothing is deployed. {error}")
