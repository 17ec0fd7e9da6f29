"""The tutorial's authorizer: REST event in, policy out, its lines written."""

import tutorial
from lambda_event import KEY, Context, event

_CONTEXT = Context()


def first() -> None:
    """Decide once."""
    answer = tutorial.handler(event(KEY), _CONTEXT)
    if answer["policyDocument"]["Statement"][0]["Effect"] != "Allow":
        raise SystemExit("not let in")


def verify(times: int) -> None:
    """Decide."""
    asked = event(KEY)
    for _ in range(times):
        tutorial.handler(asked, _CONTEXT)


CASES = {"tutorial": verify}
