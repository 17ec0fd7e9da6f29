"""The holder of a key, at the authorizer for any key and behind it."""

from collections.abc import Mapping

import pytest

import self_key
from tests.support import Answer, Context, answer, request
from tests.support_authorizer import authorizer, rest

with pytest.MonkeyPatch.context() as patch:
    ANY_KEY = authorizer(patch, "*")


def held(key: str) -> Mapping[str, str]:
    """Return what the authorizer says of the key's holder."""
    context: dict[str, str] = ANY_KEY.handler(rest({"X-API-Key": [key]}), Context())["context"]
    return context


def is_refused(key: str) -> bool:
    try:
        held(key)
    except ANY_KEY.Unauthorized:
        return True
    return False


def own(method: str, caller: Mapping[str, str] | None) -> Answer:
    """Send a request that the authorizer let in, with what it said of the caller."""
    return answer(self_key.handler, request(method, "/api/apikey/self", caller=caller))
