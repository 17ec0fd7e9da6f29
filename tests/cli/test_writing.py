"""create, renew, rotate, revoke: what they do, say, and give out."""

import json

import pytest

from tests.cli.conftest import Keyturn


def item(keyturn: Keyturn, alias: str) -> dict[str, object]:
    shown: dict[str, object] = json.loads(keyturn("show", alias, "-o", "json").out)
    return shown


def test_a_new_key_is_alone_on_standard_output(keyturn: Keyturn, alias: str) -> None:
    given = ("--name", "Billing", "--role", "user", "--role", "creator", "--ttl-days", "90")
    done = keyturn("create", alias, *given, "--metadata", "team=a=b", "--rotate-every-days", "30")

    assert done.code == 0
    assert done.key
    assert done.err.startswith("Created. ")
    assert "in 90 days" in done.err
    shown = item(keyturn, alias)
    assert (shown["name"], shown["roles"], shown["ttl_days"]) == (
        "Billing",
        ["user", "creator"],
        90,
    )
    assert (shown["metadata"], shown["rotate_every_days"]) == ({"team": "a=b"}, 30)


def test_a_table_or_json_hold_the_key_once(keyturn: Keyturn, alias: str) -> None:
    table = keyturn("create", f"{alias}/1", "-o", "table")
    made = keyturn("create", f"{alias}/2", "-o", "json")

    key = table.out.splitlines()[-1]
    assert keyturn("verify", stdin=key).code == 0
    assert table.out.count(key) == 1
    assert f"{alias}/1" in table.out
    body = json.loads(made.out)
    assert (body["alias"], body["renewed"], made.out.count(body["key"])) == (f"{alias}/2", False, 1)


def test_an_alias_that_has_a_key_gets_no_other_by_mistake(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias, "--role", "user")
    refused = keyturn("create", alias)

    assert (refused.code, refused.out) == (1, "")
    assert f"{alias} has a key already" in refused.err
    assert "`keyturn renew`" in refused.err
    assert item(keyturn, alias)["roles"] == ["user"]
    renewed = keyturn("create", alias, "--or-renew")
    assert (renewed.code, renewed.key) == (0, key)
    assert renewed.err.startswith("Renewed: the alias had a key. ")
    assert item(keyturn, alias)["roles"] == []


def test_an_alias_that_looks_like_another_key_s_id_is_free(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(alias)
    id = str(item(keyturn, alias)["id"])
    assert keyturn("create", id).code == 0
    assert item(keyturn, id)["alias"] == alias


def test_renewing_keeps_the_string_and_all_that_is_not_named(keyturn: Keyturn, alias: str) -> None:
    given = ("--role", "user", "--ttl-days", "60", "--metadata", "a=b", "--rotate-every-days", "9")
    key = keyturn.create(alias, "--name", "Billing", *given)
    before = item(keyturn, alias)
    renewed = keyturn("renew", alias)

    assert (renewed.code, renewed.key) == (0, key)
    kept = ("name", "roles", "ttl_days", "metadata", "rotate_every_days", "generation")
    after = item(keyturn, alias)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}

    given = ("--role", "creator", "--ttl-days", "7", "--name", "B", "--rotate-every-days", "0")
    assert keyturn("renew", str(before["id"]), *given).key == key
    after = item(keyturn, alias)
    assert [after[name] for name in kept] == ["B", ["creator"], 7, {"a": "b"}, None, 1]


def test_what_is_not_there_cannot_be_renewed(keyturn: Keyturn, alias: str) -> None:
    for verb in ("renew", "rotate", "revoke", "show", "events", "usage"):
        done = keyturn(verb, alias)
        assert (done.code, done.out) == (4, "")
        assert f"no key has the id or the alias '{alias}'" in done.err
        assert "`keyturn list`" in done.err
    assert keyturn("show", "0" * 17).code == 4
    assert keyturn("show", " ").code == 2


def test_a_revoked_key_comes_back_only_when_it_is_meant(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias)
    asked = keyturn("revoke", alias)
    assert (asked.code, asked.out) == (7, "")
    assert "add --yes" in asked.err
    assert keyturn("verify", stdin=key).code == 0

    revoked = keyturn("revoke", alias, "--yes", "--reason", "superseded")
    assert (revoked.code, revoked.out, revoked.err) == (0, "", f"Revoked {alias}.\n")
    assert keyturn("verify", stdin=key).code == 6

    asked = keyturn("renew", alias)
    assert (asked.code, asked.out) == (7, "")
    assert "is revoked (superseded)" in asked.err
    assert keyturn("verify", stdin=key).code == 6
    assert keyturn("renew", alias, "--yes").key == key
    assert keyturn("verify", stdin=key).code == 0


def test_revoking_twice_says_that_there_is_nothing_left(keyturn: Keyturn, alias: str) -> None:
    keyturn.create(alias)
    assert [keyturn("revoke", alias, "-y").code for _ in range(2)] == [0, 4]


def test_a_compromised_key_is_rotated_and_never_renewed(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias)
    keyturn("revoke", alias, "-y", "--reason", "compromised")
    refused = keyturn("renew", alias)

    assert (refused.code, refused.out) == (1, "")
    assert "409 key_compromised, request " in refused.err
    assert "`keyturn rotate`" in refused.err
    assert keyturn("rotate", alias).key != key


def test_the_key_that_calls_is_revoked_with_a_word_about_it(keyturn: Keyturn, alias: str) -> None:
    key = keyturn.create(alias, "--role", "admin")
    asked = keyturn("revoke", alias, KEYTURN_API_KEY=key)
    assert "is the key you are calling with" in asked.err
    assert "is the key you are calling with" not in keyturn("revoke", alias).err


def test_rotating_gives_a_new_string_and_the_old_one_a_grace(keyturn: Keyturn, alias: str) -> None:
    old = keyturn.create(alias)
    rotated = keyturn("rotate", alias, "--grace-seconds", "3600")

    assert rotated.key != old
    assert "in 60 minutes" in rotated.err
    assert [keyturn("verify", stdin=key).code for key in (old, rotated.key)] == [0, 0]


def test_a_rotation_in_a_grace_is_forced_only_when_it_is_meant(
    keyturn: Keyturn, alias: str
) -> None:
    first = keyturn.create(alias)
    second = keyturn("rotate", alias, "--rotation-id", "once").key
    assert keyturn("rotate", alias, "--rotation-id", "once").key == second
    refused = keyturn("rotate", alias)
    assert (refused.code, refused.out) == (1, "")
    assert "409 grace_running" in refused.err
    assert "--force" in refused.err
    asked = keyturn("rotate", alias, "--force")
    assert (asked.code, asked.out) == (7, "")
    assert "the string before stops working at once" in asked.err
    assert keyturn("verify", stdin=first).code == 0

    third = keyturn("rotate", alias, "--force", "--yes").key
    codes = [keyturn("verify", stdin=key).code for key in (first, second, third)]
    assert codes == [6, 0, 0]


def test_a_rotation_without_a_grace_is_asked_first(keyturn: Keyturn, alias: str) -> None:
    old = keyturn.create(alias)
    asked = keyturn("rotate", alias, "--grace-seconds", "0")
    assert asked.code == 7
    assert "the current string stops working at once" in asked.err
    assert keyturn("rotate", alias, "--grace-seconds", "0", "-y").code == 0
    assert keyturn("verify", stdin=old).code == 6


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--ttl-days", "0"), 2, "'--ttl-days': Input should be greater than or equal to 1"),
        (("--ttl-days", "week"), 2, "'--ttl-days': Input should be a valid integer"),
        (("--ttl-days", "366"), 1, "ttl_days: must be an integer from 1 to 365 (400 field_invalid"),
        (("--role", "owner"), 1, "roles must be a subset of ['admin', 'creator', 'user']"),
        (("--metadata", "a"), 2, "--metadata takes NAME=VALUE"),
        (("--output", "xml"), 2, "xml"),
        (("--no-such",), 2, "--no-such"),
    ],
)
def test_what_cannot_be_made_is_said(
    keyturn: Keyturn, alias: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = keyturn("create", alias, *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
