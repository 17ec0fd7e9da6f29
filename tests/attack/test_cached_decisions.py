"""What a gateway that keeps decisions may do with ours, and never more than the page says.

The cache is API Gateway's, as far as AWS documents it: one for each authorizer and stage, under the
value of the identity sources; a policy that is kept is evaluated for whichever route asks next. The
policies are the authorizer's own.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import create_key
import revoke_key
from tests.support import Clock, Context, answer, delete, post
from tests.support_authorizer import API, authorizer, made, rest
from tests.support_aws import Table
from tests.support_policy import allows

pytestmark = [pytest.mark.row("T6"), pytest.mark.row("T7")]

STAGES = (f"{API}/live", f"{API}/test", f"{API}x/live")
ROUTES = ("GET/", "GET/things", "POST/things/7", "DELETE/things/7", "GET/admin/a%2Fb", "PUT/*")
TTL = 300
with pytest.MonkeyPatch.context() as patch:
    AUTHORIZERS = {roles: authorizer(patch, roles) for roles in ("*", "admin", "user,creator")}


class Gateway:
    """Every API of the account that attached an authorizer; decisions are kept for `TTL`."""

    def __init__(self, identity: tuple[str, ...], clock: Clock) -> None:
        self._identity = identity
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}

    def asks(self, roles: str, stage: str, route: str, headers: Mapping[str, str]) -> str | None:
        """Return the id of whom the backend is told, or `None` where nobody got in."""
        names = {name.lower(): value for name, value in headers.items()}
        sources = [names.get(name.lower(), "") for name in self._identity]
        if not all(sources):
            return None
        place = (roles, stage, *sources)
        until, decision = self._kept.get(place, (0, {}))
        if self._clock.now >= until:
            event = rest({name: [value] for name, value in headers.items()})
            try:
                decision = AUTHORIZERS[roles].handler(
                    event | {"methodArn": f"{stage}/{route}"}, Context()
                )
            except AUTHORIZERS[roles].Unauthorized:
                return None
            self._kept[place] = (self._clock.now + TTL, decision)
        if not allows(decision["policyDocument"], f"{stage}/{route}"):
            return None
        return str(decision["context"]["id"])


HOLDERS = {"root": ("admin",), "billing": ("user",), "nobody": ()}
asks = st.tuples(
    st.just("ask"),
    st.sampled_from(sorted(AUTHORIZERS)),
    st.sampled_from(STAGES),
    st.sampled_from(ROUTES),
    st.sampled_from(sorted(HOLDERS)),
    st.sampled_from([*sorted(HOLDERS), ""]),
)
changes = st.tuples(
    st.sampled_from(["revoke", "renew", "demote"]), st.sampled_from(sorted(HOLDERS))
)
pauses = st.tuples(st.just("wait"), st.sampled_from([1, TTL - 1, TTL, TTL + 1]))


@pytest.mark.prove
@settings(max_examples=25)
@given(
    identity=st.sampled_from([("Authorization",), ("X-API-Key",), ("Authorization", "X-API-Key")]),
    steps=st.lists(asks | asks | changes | pauses, min_size=4, max_size=14),
)
def test_kept_decision_lets_in_nobody_who_was_not_let_in_there_within_the_stated_time(
    table: Table, clock: Clock, identity: tuple[str, ...], steps: list[tuple[Any, ...]]
) -> None:
    table.clear()
    keys = {alias: made(alias, roles) for alias, roles in HOLDERS.items()}
    roles = dict(HOLDERS)
    active = dict.fromkeys(HOLDERS, True)
    # Until when a decision that was right may be kept: by authorizer, stage and key.
    right: dict[tuple[str, str, str], int] = {}
    gateway = Gateway(identity, clock)
    for step, *parts in steps:
        if step == "wait":
            clock.now += parts[0]
        elif step == "revoke":
            answer(revoke_key.handler, delete(keys[parts[0]]))
            active[parts[0]] = False
        elif step != "ask":
            alias = parts[0]
            roles[alias] = HOLDERS[alias] if step == "renew" else ()
            body = {"alias": alias, "name": "N", "roles": roles[alias]}
            answer(create_key.handler, post(body))
            active[alias] = True
        else:
            asked, stage, route, bearer, own = parts
            headers = {"Authorization": f"Bearer {keys[bearer]}"}
            headers |= {"X-API-Key": keys[own]} if own else {}
            told = gateway.asks(asked, stage, route, headers)

            alias = bearer if "Authorization" in identity else own
            may = asked == "*" or set(asked.split(",")) & set(roles.get(alias, ()))
            if alias and active[alias] and may:
                right[asked, stage, alias] = clock.now + TTL
            if told is not None:
                assert told == keys[alias].split("_")[1]
                assert clock.now < right[asked, stage, alias]


def test_kept_decision_for_one_authorizer_stage_or_key_is_none_for_another(
    table: Table,  # noqa: ARG001 - it is there
    clock: Clock,
) -> None:
    gateway = Gateway(("Authorization",), clock)
    keys = {alias: {"Authorization": f"Bearer {made(alias, r)}"} for alias, r in HOLDERS.items()}

    for route in ROUTES:
        assert gateway.asks("*", STAGES[0], route, keys["billing"])
        assert gateway.asks("admin", STAGES[0], route, keys["billing"]) is None
        assert gateway.asks("admin", STAGES[0], route, keys["root"])
        assert gateway.asks("user,creator", STAGES[0], route, keys["root"]) is None
        assert gateway.asks("user,creator", STAGES[0], route, keys["nobody"]) is None
    for alias in HOLDERS:
        answer(revoke_key.handler, delete(keys[alias]["Authorization"].split()[1]))
    assert gateway.asks("*", STAGES[0], "GET/", keys["billing"])
    for stage in STAGES[1:]:
        assert gateway.asks("*", stage, "GET/", keys["billing"]) is None
    clock.now += TTL
    assert gateway.asks("*", STAGES[0], "GET/", keys["billing"]) is None
