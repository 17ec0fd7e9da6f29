"""One alias and 32 callers at once: one creates, the others renew, all are given the same key."""

import os
from functools import partial

import pytest

from keyturn.issuer import Issued, Issuer
from tests.races.places import Place, at_once, grant
from tests.support import by

CALLERS = 32
ROUNDS = 50


def race(callers: list[Issuer], alias: str) -> list[Issued]:
    return at_once(
        [
            partial(caller.create_or_renew, grant(alias, name=f"{number}"), by(f"caller-{number}"))
            for number, caller in enumerate(callers)
        ]
    )


def one_created_and_all_have_its_key(issued: list[Issued]) -> None:
    (created,) = [one for one in issued if not one.renewed]
    assert len({one.text.reveal() for one in issued}) == 1
    assert {one.key.generation for one in issued} == {1}
    assert all(one.text.matches(one.key.secret_hash) for one in issued)
    assert all(one.key.created_at == created.key.created_at for one in issued)


@pytest.fixture(scope="module")
def callers_on_moto(on_moto: Place) -> list[Issuer]:
    return [on_moto.issuer() for _ in range(CALLERS)]


@pytest.fixture(scope="module")
def callers_on_dynamodb_local(on_dynamodb_local: Place) -> list[Issuer]:
    return [on_dynamodb_local.issuer() for _ in range(CALLERS)]


@pytest.mark.prove
@pytest.mark.row("F6")
def test_one_of_32_callers_creates_the_alias_on_moto(callers_on_moto: list[Issuer]) -> None:
    # No more than that: moto's UpdateItem is not atomic, and answers with a later moment's row.
    for _ in range(2):
        one_created_and_all_have_its_key(race(callers_on_moto, f"alias-{os.urandom(8).hex()}"))


@pytest.mark.row("F6")
@pytest.mark.dynamodb_local
def test_one_of_32_callers_creates_the_alias_in_every_round(
    on_dynamodb_local: Place, callers_on_dynamodb_local: list[Issuer]
) -> None:
    for _ in range(ROUNDS):
        alias = f"alias-{os.urandom(8).hex()}"
        issued = race(callers_on_dynamodb_local, alias)

        one_created_and_all_have_its_key(issued)
        # Each caller made one change, and was told the row as it was right after that change.
        in_order = sorted(issued, key=lambda one: one.key.version)
        assert [one.key.version for one in in_order] == list(range(1, CALLERS + 1))
        assert not in_order[0].renewed
        for number, one in enumerate(issued):
            assert (one.key.name, one.key.updated_by) == (f"{number}", f"caller-{number}")

        onlooker = callers_on_dynamodb_local[0]
        assert onlooker.store.get(on_dynamodb_local.id_of(alias)) == in_order[-1].key
        assert len(on_dynamodb_local.rows(alias)) == 1
        row = in_order[-1].key
        opened = onlooker.vault.open(row.ciphertext, row.id, row.secret_hash)
        assert opened.reveal() == issued[0].text.reveal()
