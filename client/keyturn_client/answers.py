"""What Keyturn says of a key, and what an application does about it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx


class Refused(Exception):
    """The key may not pass. `code` is Keyturn's own; `status` is what to answer: 401 or 403."""

    def __init__(self, code: str) -> None:
        """Say why."""
        super().__init__(code)
        self.code = code
        self.status = 403 if code == "insufficient_role" else 401


class Unavailable(Exception):
    """Nobody can know whether the key may pass: answer 503."""


@dataclass(frozen=True)
class Caller:
    """Whose key it is. `expire` is when the string presented ends."""

    id: str
    alias: str
    roles: tuple[str, ...]
    expire: datetime
    generation: int


@dataclass(frozen=True)
class Answer:
    """A caller, or why there is none; to be relied on until then, in epoch seconds."""

    caller: Caller | None
    error: type[Refused | Unavailable] = Unavailable
    why: str = ""
    until: float = 0

    def is_old(self) -> bool:
        """Tell whether it must be asked for anew. A refusal is only ever told to who waits."""
        return self.caller is not None and time.time() >= self.until

    def judged(self, roles: Sequence[str]) -> Caller:
        """Return the caller, who must have one of the roles, if any are named."""
        if self.caller is None:
            raise self.error(self.why)
        if roles and not {*roles} & {*self.caller.roles}:
            raise Refused("insufficient_role")
        return self.caller


def meant(got: httpx.Response | str, until: float) -> Answer:
    """Return what a response means, or the failure to get one: only one that is whole lets in."""
    if isinstance(got, str):
        return Answer(None, why=f"Keyturn did not answer: {got}")
    status, why = got.status_code, "Keyturn answered {}"
    if status in {401, 403}:
        why = "Keyturn does not let this application ask ({})"
    try:
        said = got.json()
        if status == 200 and said["valid"] is True:
            expire = datetime.fromisoformat(said["expire"])
            return Answer(
                Caller(said["id"], said["alias"], (*said["roles"],), expire, said["generation"]),
                until=min(until, expire.timestamp()),
            )
        if status == 200 and said["valid"] is False:
            return Answer(None, Refused, str(said["code"]))
        # The one thing of a request that is not ours is the key.
        if said["code"] in {"field_invalid", "body_too_large"}:
            return Answer(None, Refused, "malformed")
    except (ValueError, TypeError, KeyError, RecursionError):
        why = "Keyturn did not answer as it does ({})"
    return Answer(None, why=why.format(status))


def presented(authorization: Sequence[str], x_api_key: Sequence[str]) -> str:
    """Return the one key among these headers' values; empty where there is none, or no telling.

    `Authorization: Bearer <key>` or `X-API-Key: <key>`, as Keyturn's authorizer reads them: either
    repeated, both and different, or another scheme, present no key.
    """
    if len(authorization) > 1 or len(x_api_key) > 1:
        return ""
    keys = {value.strip() for value in x_api_key}
    for value in authorization:
        scheme, _, key = value.strip().partition(" ")
        keys.add(key.strip() if scheme.lower() == "bearer" else "")
    return keys.pop() if len(keys) == 1 else ""
