"""Standard input: keys, which never come as arguments, and the answers to questions."""

import getpass
import sys

from keyturn_cli import text
from keyturn_cli.errors import Unconfirmed

_LONGEST = 4096


def secret(prompt: str) -> str:
    """Read a line that is not shown: from a terminal at a prompt, or else as it comes."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    return sys.stdin.readline(_LONGEST)


def line(prompt: str) -> str:
    """Read a line at a prompt on standard error."""
    sys.stderr.write(f"{text.plain(prompt)} ")
    sys.stderr.flush()
    return sys.stdin.readline(_LONGEST).strip()


def is_there() -> bool:
    """Tell whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str, *, yes: bool) -> None:
    """Go on if the answer is yes, or was given beforehand.

    Raises:
        Unconfirmed: it is not.
    """
    if yes:
        return
    if not is_there():
        raise Unconfirmed(
            f"not confirmed, for there is no terminal to ask on: {question}",
            "If it is meant so, add --yes.",
        )
    if line(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise Unconfirmed("nothing was changed")
