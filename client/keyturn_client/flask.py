"""A decorator for views of Flask: let in whoever has a key."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, ServiceUnavailable, Unauthorized

from keyturn_client.answers import Refused, Unavailable, presented
from keyturn_client.asking import Keyturn

P = ParamSpec("P")
R = TypeVar("R")


def requires(keyturn: Keyturn, *roles: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: `flask.g.caller` is who calls, with one of the roles, if any are named.

    Answers 401, 403, or 503 where nobody can know. `app.route` stands above it.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            values = request.headers.getlist
            try:
                g.caller = keyturn.verify(
                    presented(values("Authorization"), values("X-API-Key")), *roles
                )
            except Refused as refused:
                if refused.status == Forbidden.code:
                    raise Forbidden("the API key lacks a role") from None
                raise Unauthorized(
                    "missing or invalid API key", www_authenticate=WWWAuthenticate("bearer")
                ) from None
            except Unavailable:
                raise ServiceUnavailable("API keys cannot be checked", retry_after=1) from None
            answer: R = current_app.ensure_sync(view)(*args, **kwargs)
            return answer

        return guarded

    return decorate
