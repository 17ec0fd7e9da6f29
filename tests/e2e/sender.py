"""What schemathesis makes of the document, sent to the running service by callers of every kind."""

import json
from collections import Counter
from itertools import count, cycle
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

from tests.e2e import documented
from tests.e2e.served import Service

Json = dict[str, Any]
Case = schemathesis.Case[Any]

# Credentials come from here, so that every answer can be told right or wrong by who asked. An
# unknown method is a 404 by the contract, not a 405; and a key that was revoked can still be read.
_CONFIG = {
    "generation": {"with-security-parameters": False},
    "checks": {
        "ignored_auth": {"enabled": False},
        "unsupported_method": {"enabled": False},
        "use_after_free": {"enabled": False},
    },
}
SCHEMA = schemathesis.openapi.from_dict(
    documented.document(), config=schemathesis.Config.from_dict(_CONFIG)
)
_DAYS = 15
_METADATA_BYTES = 2048
_numbers = count()


class Sender:
    """Sends cases in turn as an admin by either header, or both, as a user, and as nobody."""

    def __init__(self, service: Service) -> None:
        """Make a session, and start."""
        self.answered: Counter[int] = Counter()
        self._service = service
        self._session = requests.Session()
        self._session.trust_env = False  # nor does it look for a netrc at each request
        self.start()

    def start(self, *, apart: bool = False) -> None:
        """Begin anew, with keys for each kind of caller; `apart`, with aliases nobody used before.

        What follows from each other is then answered alike each time, as Hypothesis must have it.
        """
        self._suffix = f" of {next(_numbers)}" if apart else ""
        self._made = {role: self._spare(role) for role in ("admin", "user")}
        self._turns = cycle(["bearer", "x-api-key", "both", "user", "bearer", "nobody"])
        self._targets = cycle(["a new one", "that again", "no such key"])
        self._turn = ""
        self._target = self._made["user"]

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def send(self, case: Case) -> None:
        """Send a case, and check its answer."""
        arguments = self.arguments(case)
        self.check(case, case.call(**arguments))

    def arguments(self, case: Case) -> Json:
        """Make a case ready, and return how it is to be sent."""
        self._turn = next(self._turns)
        role = "user" if self._turn == "user" else "admin"
        self._aim(case)
        if not case.meta or case.meta.generation.mode.is_positive:
            self._fit(case)
        key = self._made[role]["key"]
        headers = {}
        if self._turn in {"bearer", "both", "user"}:
            headers["Authorization"] = f"Bearer {key}"
        if self._turn in {"x-api-key", "both"}:
            headers["X-API-Key"] = key
        return {
            "base_url": self._service.stack.url,
            "headers": headers,
            "session": self._session,
            "timeout": 60,  # where a process is started for it, ten seconds may not do
        }

    def check(self, case: Case, response: schemathesis.Response) -> None:
        """Assert that an answer is documented, and right for who asked."""
        self.answered[response.status_code] += 1
        method, url = str(response.request.method), urlsplit(str(response.request.url))
        found = documented.operation(method, url.path)
        told = f"{self._turn}: {method} {case.path} was answered {response.status_code}"
        if found is None:
            assert json.loads(response.content)["code"] == "route_not_found", told
        elif self._turn == "nobody":
            assert response.status_code == 401, told
        elif self._turn == "user" and ["admin"] in found[1]["security"][0].values():
            assert response.status_code == 403, told
        else:
            assert response.status_code not in {401, 403}, told
        case.validate_response(response)
        sent = f"{case.path_parameters} {case.body!r}"
        for role, made in self._made.items():  # may have been ended or changed: another, then
            if self._is("revoke_own", case) or any(made[n] in sent for n in ("id", "alias", "key")):
                self._made[role] = self._spare(role)

    def _aim(self, case: Case) -> None:
        """Let a path name a key that exists, more often than chance would."""
        if "key" not in (case.path_parameters or {}) or (
            case.meta and case.meta.is_negative_at(ParameterLocation.PATH)
        ):
            return
        turn = next(self._targets)
        if turn == "a new one":
            self._target = self._spare("user")
        if turn != "no such key":
            by_string = self._is("revoke", case) and next(_numbers) % 2
            case.path_parameters["key"] = self._target["key" if by_string else "id"]

    def _fit(self, case: Case) -> None:
        """Keep to the rules that JSON Schema has no words for."""
        if isinstance(case.body, dict):
            # To JSON Schema 2.0 is an integer.
            body: Json = {**case.body}
            for name, value in body.items():
                body[name] = int(value) if isinstance(value, float) else value
            if self._is("create_or_renew", case):
                # A key rotates in time, by what is asked for or by what it has from before.
                often = body.get("rotate_every_days") or _DAYS
                body["rotate_every_days"] = often if often < body.get("ttl_days", _DAYS) else None
                if self._suffix:
                    body["alias"] = str(body["alias"])[:100] + self._suffix
            if len(json.dumps(body.get("metadata"), ensure_ascii=False).encode()) > _METADATA_BYTES:
                del body["metadata"]
            case.body = body
        if "cursor" in (case.query or {}):
            asked = {**case.query, "limit": 1}
            del asked["cursor"], case.query["cursor"]
            path = str(case.formatted_path)
            page = self._service.send(
                "GET",
                f"{path}?{urlencode(asked)}",
                headers=self._service.bearer(self._made["admin"]["key"]),
            )
            if page.body.get("cursor"):
                case.query["cursor"] = page.body["cursor"]

    def _spare(self, role: str) -> Json:
        alias = f"spare {next(_numbers)} of a sender"
        body = {"alias": alias, "name": "Spare", "roles": [role]}
        made: Json = self._service.stack.invoke("CreateKeyFunction", body)
        return made

    def _is(self, name: str, case: Case) -> bool:
        return bool(case.operation.definition.raw["operationId"] == name)
