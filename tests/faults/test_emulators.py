"""No emulator is AWS. Where both answer alike, and keep the same rows, they may be believed."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn import service
from keyturn.errors import KeyturnError
from keyturn.issuer import Issuer
from keyturn.keys import ApiKey, Reason, Rotation
from tests.races.places import Place, grant
from tests.support import NOW, by

LIVES = 60
CHANCE = ("secret_hash", "previous_hash", "ciphertext", "hint")

Verb = Callable[[Issuer, str, str], ApiKey]
"""Takes who does it, the alias and its id; at the issuer's time."""


def issued(name: str, **fields: Any) -> Verb:  # noqa: ANN401 - as Grant
    return lambda issuer, alias, _: (
        issuer.create_or_renew(grant(alias, name, **fields), by(name)).key
    )


def rotated(rotation: Rotation) -> Verb:
    return lambda issuer, _, id: issuer.rotate(id, rotation, by("r")).key


def revoked(reason: Reason) -> Verb:
    return lambda issuer, _, id: service.revoke(id, reason, by("x"), issuer.store, issuer.clock())


def grace_ended(issuer: Issuer, _: str, id: str) -> ApiKey:
    now = issuer.clock()
    return issuer.store.end_grace(id, 2, now, now, by("g"))


def condemned(issuer: Issuer, _: str, id: str) -> ApiKey:
    return issuer.store.condemn(id, issuer.clock(), by("c"))


VERBS: dict[str, Verb] = {
    "create": issued("name"),
    "renew with metadata": issued("other", metadata={"": "\N{KEY}"}, roles=()),
    "renew with a rotation": issued("third", rotate_every_days=3, keeps_rotation=False),
    "rotate": rotated(Rotation(id="a", grace_seconds=600)),
    "rotate for good": rotated(Rotation(id="b", grace_seconds=0, force=True)),
    "revoke": revoked(Reason.SUPERSEDED),
    "revoke as leaked": revoked(Reason.COMPROMISED),
    "condemn": condemned,
    "end grace": grace_ended,
}


def told(place: Place, alias: str, verbs: list[str]) -> list[object]:
    """Return what each verb answers, and the row and the places in the index that are left."""
    id = place.id_of(alias)
    answers: list[object] = []
    for second, name in enumerate(verbs):
        issuer = replace(place.other, clock=partial(int, NOW + second))
        try:
            answers.append(shown(vars_of(VERBS[name](issuer, alias, id))))
        except KeyturnError as error:
            answers.append(error.code)
    rows = [shown(row) for row in place.rows(alias)]
    return [*answers, rows, id in set(place.other.store.due(NOW + 10**8))]


def vars_of(key: ApiKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in key.__dataclass_fields__}


def shown(fields: dict[str, Any]) -> dict[str, Any]:
    """Return that a value is there, where it is drawn by chance; else the value."""
    return {
        name: name in CHANCE or name.startswith("mark_") or value for name, value in fields.items()
    }


@pytest.mark.row("F16")
@pytest.mark.dynamodb_local
def test_both_emulators_answer_every_verb_alike(on_moto: Place, on_dynamodb_local: Place) -> None:
    @settings(max_examples=LIVES)
    @given(st.lists(st.sampled_from([*VERBS]), max_size=10))
    def compare(verbs: list[str]) -> None:
        alias = f"alias-{os.urandom(8).hex()}"  # not of hypothesis's own: tables are shared
        assert told(on_moto, alias, verbs) == told(on_dynamodb_local, alias, verbs)

    compare()
