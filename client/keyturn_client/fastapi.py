"""A dependency of FastAPI: let in whoever has a key."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from keyturn_client.answers import Caller, Refused, Unavailable, presented
from keyturn_client.asking import AsyncKeyturn

_DETAILS = {401: "missing or invalid API key", 403: "the API key lacks a role"}


def requires(keyturn: AsyncKeyturn, *roles: str) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency: the caller, whose key has one of the roles, if any are named.

    Answers 401, 403, or 503 where nobody can know.
    """

    async def caller(
        request: Request,
        # Only named, so that OpenAPI says which headers there are.
        _bearer: Annotated[object, Security(HTTPBearer(auto_error=False))],
        _header: Annotated[object, Security(APIKeyHeader(name="X-API-Key", auto_error=False))],
    ) -> Caller:
        values = request.headers.getlist
        try:
            return await keyturn.verify(
                presented(values("Authorization"), values("X-API-Key")), *roles
            )
        except Refused as refused:
            headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
            raise HTTPException(refused.status, _DETAILS[refused.status], headers) from None
        except Unavailable:
            raise HTTPException(503, "API keys cannot be checked", {"Retry-After": "1"}) from None

    return caller
