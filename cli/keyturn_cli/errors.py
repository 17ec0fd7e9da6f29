"""How a verb can end other than well: an exit code, what happened, and what to do next."""

EXIT_CODES = """\
Exit codes:
  0  done
  1  refused by the server, or the output could not be written
  2  wrong usage or settings; nothing was sent
  3  not authorised: the key, its roles, or your AWS credentials
  4  no such key, or no such stack
  5  no answer: network, TLS, throttled, failing, or not Keyturn
  6  verify: the key is not valid
  7  not confirmed; nothing was changed
  8  import: rows stay out; the report says which
"""


class Failed(Exception):
    """A verb did not do what it was asked for; neither text ever holds a key."""

    exit_code = 1

    def __init__(self, what: str, then: str = "") -> None:
        """Say what happened, and what to do then."""
        super().__init__(what)
        self.what = what
        self.then = then


class Refused(Failed):
    """The server understood, and will not."""


class Misused(Failed):
    """The command line, the environment or the configuration cannot be meant so."""

    exit_code = 2


class NotAuthorised(Failed):
    """The caller's key or AWS credentials do not allow it."""

    exit_code = 3


class NotFound(Failed):
    """There is no such key or stack."""

    exit_code = 4


class Unanswered(Failed):
    """Nobody answered, or not as Keyturn does; what became of a write may be unknown."""

    exit_code = 5


class NotValid(Failed):
    """The key that was verified is not valid."""

    exit_code = 6


class Unconfirmed(Failed):
    """The answer to a question was no, or there was nobody to ask."""

    exit_code = 7


class LeftOut(Failed):
    """Rows of an import are not in, and never will be as they are."""

    exit_code = 8
