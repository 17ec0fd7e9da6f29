"""Sixteen clients over HTTP, on a wire that loses: one order explains what each was told."""

import http.client
import json
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import boto3
import pytest

from infra.local.stack import local_stack
from keyturn import keytext
from tests.e2e.served import PATH, Answer, Service
from tests.faults import wire
from tests.faults.wire import Forward, Reply, wire_to
from tests.races import model
from tests.races.model import Admit, Issue, Read, Revoke, Rotate, Seen, Verb, Verify, check
from tests.races.places import at_once, moto_url

CLIENTS = 16
CALLS = 2
ROUNDS = 200
GRACE = 3600  # seconds: no history lasts as long
FAULTS = [wire.lost_reply, wire.half_reply, wire.failed_reply, wire.lost_request]


@pytest.fixture(scope="module")
def service(dynamodb_local: str) -> Iterator[Service]:
    with (
        wire_to(dynamodb_local) as database,
        local_stack(aws=moto_url(), dynamodb=database.url, name="order") as stack,
        closing(boto3.client("dynamodb", endpoint_url=dynamodb_local)) as onlooker,
    ):
        assert stack.admin_key
        yield Service(stack, database, onlooker)


def losing(chance: random.Random) -> wire.Fault:
    """Return what a sixth of all requests to the database meet."""

    def late(forward: Forward) -> Reply | None:
        threading.Timer(chance.random() / 5, forward).start()
        return None

    def fault(forward: Forward) -> Reply | None:
        return chance.choices([wire.whole, *FAULTS, late], [83, 7, 2, 2, 3, 3])[0](forward)

    return fault


@dataclass
class Alias:
    """An alias, the strings it was seen with by their generations, and what its callers saw."""

    service: Service
    name: str
    strings: dict[int, str] = field(default_factory=dict)
    history: list[Seen] = field(default_factory=list)

    @property
    def id(self) -> str:
        return keytext.id_of("", self.name)

    def call(self, verb: Verb) -> bool:
        """Call, note what was seen, and tell whether there was an answer."""
        began = time.monotonic()
        answer = self.ask(verb)
        seen = seen_of(verb, answer, began)
        if seen.record is not None:
            generation, key = answer.body["generation"], answer.body["key"]
            assert self.strings.setdefault(generation, key) == key
        if seen.answer is not None or isinstance(verb, Issue | Revoke | Rotate):
            self.history.append(seen)
        return seen.answer is not None

    def ask(self, verb: Verb) -> Answer:
        service = self.service
        match verb:
            case Issue(name):
                return service.post({"alias": self.name, "name": name, "roles": ["admin"]})
            case Revoke(compromised, generation):
                target = self.id if generation is None else self.strings[generation]
                return service.delete(target, "?reason=compromised" if compromised else "")
            case Rotate(id, grace, force):
                body = {"rotation_id": id, "grace_seconds": grace * GRACE, "force": force}
                return service.post(body, path=f"{PATH}/{self.id}/rotate")
            case Verify(generation):
                return service.post({"key": self.strings[generation]}, path=f"{PATH}/verify")
            case Admit(generation):
                return service.post({}, key=self.strings[generation])
            case Read():
                return service.send("GET", f"{PATH}/{self.id}", headers=service.bearer())

    def give_up(self, name: str) -> None:
        """Ask for a renewal, and be gone before the answer."""
        began = time.monotonic()
        url = urlsplit(self.service.stack.url)
        with closing(http.client.HTTPConnection(url.hostname or "", url.port)) as connection:
            body = json.dumps({"alias": self.name, "name": name, "roles": ["admin"]})
            connection.request("POST", PATH, body, dict(self.service.bearer()))
        self.history.append(Seen(Issue(name), None, began, math.inf))


def seen_of(verb: Verb, answer: Answer, began: float) -> Seen:
    """Return what an answer says; none but those of the contract, and of its 5xx the 503 alone."""
    told: model.Answer | None = (answer.status,)
    record = None
    match verb, answer.status:
        case _, 503:
            assert answer.is_error(503, "unavailable")
            told = None
        case Admit(), 400 | 401:
            told = (answer.status == 400,)
        case _, 404 | 409:
            told = (answer.status, answer.body["code"])
        case Verify(), 200:
            told = (answer.body["code"],)
            if answer.body["valid"]:
                told = (*told, answer.body["generation"])
        case Read(), 200:
            told = record_of(answer)
        case (Issue(), 200 | 201) | (Rotate(), 200):
            record = record_of(answer)
        case _:
            assert (type(verb), answer.status) == (Revoke, 200)
    return Seen(verb, told, began, time.monotonic(), record)


def record_of(answer: Answer) -> model.Answer:
    return tuple(answer.body[name] for name in ("name", "generation", "is_active"))


def drawn(alias: Alias, chance: random.Random, tag: str) -> Verb:
    seen = chance.choice([*alias.strings] or [0])
    rotate = Rotate(chance.choice("rstu"), chance.random() < 0.6, chance.random() < 0.5)
    verbs: dict[Verb, int] = {
        Issue(tag): 30,
        Revoke(): 10,
        Revoke(compromised=True): 2,
        rotate: 18,
        Read(): 10,
        **({Revoke(generation=seen): 5, Verify(seen): 15, Admit(seen): 10} if seen else {}),
    }
    return chance.choices([*verbs], [*verbs.values()])[0]


def work(aliases: list[Alias], client: int, seed: str) -> None:
    chance = random.Random(f"{seed} {client}")  # noqa: S311 - what is drawn is a test
    for number in range(CALLS):
        alias, tag = chance.choice(aliases), f"{client}-{number}"
        verb = drawn(alias, chance, tag)
        if isinstance(verb, Issue) and chance.random() < 0.1:
            alias.give_up(tag)
        elif not alias.call(verb):
            alias.call(verb)  # as the 503 says


def history(service: Service, name: str) -> list[Alias]:
    """Have the clients do what they do, and at the end see what is left of it."""
    chance = random.Random(name)  # noqa: S311 - what is drawn is a test, not a secret
    aliases = [Alias(service, f"{name}-{number}") for number in range(chance.choice([1, 2, 2, 3]))]
    service.wire.always("*", losing(chance))
    at_once([partial(work, aliases, client, name) for client in range(CLIENTS)])
    service.wire.heal()
    for alias in aliases:
        assert alias.call(Read())
        assert all(alias.call(Verify(generation)) for generation in [*alias.strings])
    return aliases


@pytest.mark.row("F1", "F7")
@pytest.mark.dynamodb_local
def test_one_order_of_the_calls_explains_what_every_client_was_told(
    service: Service, figure: Callable[[str, str], None]
) -> None:
    name = os.urandom(4).hex()
    calls = unknown = 0
    for number in range(ROUNDS):
        for alias in history(service, f"{name}-{number}"):
            check(alias.history)
            calls += len(alias.history)
            unknown += sum(seen.answer is None for seen in alias.history)

    assert calls - unknown > ROUNDS * CLIENTS * CALLS / 2
    assert unknown
    figure(
        "histories over HTTP",
        f"{ROUNDS} of {CLIENTS} clients, {calls} calls, {unknown} of unknown outcome: all in order",
    )
