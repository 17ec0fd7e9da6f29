"""What decides may be started once, and go on many times from a snapshot of that (SnapStart)."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from keyturn import keytext, update
from keyturn.lean import LeanReader

FUNCTIONS = Path(__file__).parents[1] / "functions"
# As Lambda has it for a snapshot: credentials are to be asked for, and are not in the environment.
ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/v2/credentials",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "made-up",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "TABLE_NAME": "keys",
    "KMS_KEY_ID": "key",
    "KEY_PREFIX": "kt",
    "ID_SALT": "",
    "ALLOWED_ROLES": "admin,user",
    "DEFAULT_TTL_DAYS": "15",
    "MAX_TTL_DAYS": "365",
    "DEFAULT_GRACE_SECONDS": "86400",
    "IMPORTED_KEYS": "true",
    "REQUIRED_ROLES": "admin",
    "VERIFY_CACHE_SECONDS": "60",
    "POWERTOOLS_SERVICE_NAME": "keyturn",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
STARTED = """
import sys

def heard(event, details):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg"}:
        raise SystemExit(event)

sys.addaudithook(heard)
sys.path.insert(0, sys.argv[1])
__import__(sys.argv[2])
print("started")
"""


@pytest.mark.parametrize("module", ["authorize", "verify_key"])
def test_a_start_connects_to_nobody_and_asks_for_no_credentials(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED, FUNCTIONS, module],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("started\n", 0), done.stderr


def test_processes_of_one_snapshot_draw_different_numbers() -> None:
    # They share the state of Python's generator, as after one seed. Nobody may draw from it.
    jitter = (LeanReader.__init__.__kwdefaults__ or {})["rng"]

    def drawn() -> tuple[object, ...]:
        random.seed(1)
        return jitter(), keytext.mint("kt", "0" * 17).reveal(), update.mark()

    first, second = drawn(), drawn()
    assert not [one for one, other in zip(first, second, strict=True) if one == other]
