"""What the command makes of servers that do not answer, or not as Keyturn does."""

import json
import time
from pathlib import Path

import pytest

from keyturn import keytext
from tests.cli.between import Between, Reply, Step, between, lost_from, passed_to
from tests.cli.conftest import ITEM, Done, Keyturn
from tests.keyturn.test_lean_tls import certificate

KEY = keytext.mint("kt", "A" * 17).reveal()
JSON = {"Content-Type": "application/json"}
EMPTY = Reply(200, b'{"items": [], "cursor": null}', JSON)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited each time, at no cost of time."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def refusal(status: int, code: str, seconds: str = "") -> Reply:
    body = {"error": "it says so", "code": code, "request_id": "body-id"}
    headers = JSON | {"X-Request-Id": "the-id"} | ({"Retry-After": seconds} if seconds else {})
    return Reply(status, json.dumps(body).encode(), headers)


def asked(
    keyturn: Keyturn, *steps: Step, verb: tuple[str, ...] = ("list",)
) -> tuple[Done, Between]:
    with between(*steps) as server:
        done = keyturn(*verb, KEYTURN_URL=server.url, KEYTURN_API_KEY=KEY)
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in server.asked)
    return done, server


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html; x=y"}), "text/html"),
        (Reply(404, b"<html>Not found</html>", {"Content-Type": "text/html"}), "text/html"),
        (Reply(403, b'{"message":"Forbidden"}', JSON), "application/json"),
        (Reply(401, b""), "nothing"),
        (Reply(200, b"[]", JSON), "application/json"),
        (Reply(200, b'{"items": [{"id": 5}], "cursor": null}', JSON), "application/json"),
        (Reply(200, b'{"items": 5}', JSON), "application/json"),
        (Reply(200, b"[" * 100_000, JSON), "application/json"),
        (Reply(200, b"\xff\xfe\x00", JSON), "application/json"),
        (Reply(302, b"", {"Location": "http://127.0.0.1:9/"}), "nothing"),
        (Reply(204, b""), "nothing"),
        (Reply(200, b"", {"Content-Type": "\x1b]0title"}), "\\x1b]0title"),
    ],
    ids=str,
)
def test_another_server_is_recognised(alone: Keyturn, reply: Reply, what: str) -> None:
    done, server = asked(alone, reply)

    assert (done.code, done.out) == (5, "")
    first, then = done.err.splitlines()
    assert first == (
        f"keyturn: {server.url} does not answer as Keyturn does, but with {what} "
        f"({reply.status}, request unknown)"
    )
    assert "the stack's output Url" in then
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "code", "said", "then"),
    [
        (refusal(401, "unauthorized"), 3, "unknown, expired or revoked", "keyturn login"),
        (refusal(403, "forbidden"), 3, "good, but not for this", "keyturn whoami"),
        (refusal(404, "not_found"), 4, "it says so", "keyturn list"),
        (refusal(404, "route_not_found"), 5, "it says so", "all of the URL?"),
        (refusal(409, "alias_conflict"), 1, "it says so", "another alias"),
        (refusal(400, "field_invalid"), 1, "it says so", ""),
        (refusal(418, "of_tomorrow"), 1, "it says so", ""),
        (refusal(500, "internal_error"), 5, "it says so", "the server's log"),
        (refusal(429, "throttled", "60"), 5, "too many requests", "again in 60 s"),
        (refusal(503, "unavailable", "60"), 5, "it says so", "Try again"),
    ],
    ids=str,
)
def test_a_refusal_is_told_with_its_request_and_what_to_do(
    alone: Keyturn, reply: Reply, code: int, said: str, then: str
) -> None:
    done, server = asked(alone, reply)
    assert (done.code, done.out) == (code, "")
    assert said in done.err.splitlines()[0]
    assert f"({reply.status} " in done.err
    assert "request the-id)" in done.err
    assert then in done.err.partition("\n")[2]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("failing", "seconds"),
    [
        (refusal(503, "unavailable", "20"), 20),
        (refusal(503, "unavailable", "Wed, 25 Nov 2026 10:00:00 GMT"), 1),
        (refusal(429, "throttled", "0"), 0),
        (Reply(429, b"<html>"), 1),
        (Reply(body=None), 1),
    ],
    ids=str,
)
def test_a_read_is_repeated_a_little(
    alone: Keyturn, waits: list[float], failing: Reply, seconds: int
) -> None:
    done, server = asked(alone, failing, failing, EMPTY)
    assert (done.code, len(server.asked)) == (0, 3)
    assert waits == [seconds] * 2
    assert done.err.count(f"trying again in {seconds} s\n") == 2

    done, server = asked(alone, failing)
    assert (done.code, len(server.asked)) == (5, 3)


def test_a_refusal_that_quotes_a_key_is_not_told_with_it(alone: Keyturn) -> None:
    foreign = "key-of-another-service"
    with between(Reply(400, b'{"error": "no %s", "code": "c"}' % foreign.encode())) as server:
        done = alone("list", KEYTURN_URL=server.url, KEYTURN_API_KEY=foreign)
    assert done.err == "keyturn: no ... (400 c, request unknown)\n"
    other = keytext.mint("kt", "B" * 17).reveal()
    body = json.dumps({"error": f"no {KEY}\x1b[2J [red]", "code": f"x{other}"}).encode()
    done, _ = asked(alone, Reply(400, body, {"X-Request-Id": KEY}))
    assert done.code == 1
    assert done.err == "keyturn: no ...\\x1b[2J [red] (400 xkt_..., request ...)\n"


@pytest.mark.parametrize(
    ("verb", "hint"),
    [
        (("create", "a", "--or-renew"), "it would make it active again"),
        (("revoke", "0" * 17, "--yes"), "exit code 4 then means that it is done"),
    ],
)
@pytest.mark.parametrize("step", [Reply(body=None), refusal(503, "unavailable", "0")], ids=str)
def test_a_write_is_not_repeated_and_its_unknown_end_is_told(
    alone: Keyturn, verb: tuple[str, ...], hint: str, step: Step
) -> None:
    read = [Reply(200, json.dumps(ITEM).encode(), JSON)] if verb[0] == "revoke" else []
    done, server = asked(alone, *read, step, verb=verb)

    assert (done.code, done.out, len(server.asked)) == (5, "", 1 + len(read))
    assert "Whether it is done is not known." in done.err
    assert hint in done.err
    throttled = refusal(429, "throttled", "0")
    done, server = asked(alone, *read, throttled, step, verb=verb)
    assert (done.code, len(server.asked)) == (5, 2 + len(read))


def test_a_lost_rotation_is_asked_for_again_and_happens_once(
    keyturn: Keyturn, alias: str, ready: dict[str, str]
) -> None:
    old = keyturn.create(alias)
    through, lost = passed_to(ready["url"]), lost_from(ready["url"])
    # Read by alias, read by id, rotate: lost, and again.
    with between(through, through, lost, through) as server:
        rotated = keyturn("rotate", alias, KEYTURN_URL=server.url)
    item = json.loads(keyturn("show", alias, "-o", "json").out)

    assert rotated.code == 0
    assert item["generation"] == 2
    assert [keyturn("verify", stdin=key).code for key in (old, rotated.key)] == [0, 0]

    with between(through, through, lost) as server:
        given_up = keyturn("rotate", alias, "--force", "-y", KEYTURN_URL=server.url)
    assert given_up.code == 5
    words = given_up.err.split()
    rotation_id = words[words.index("--rotation-id") + 1]
    assert json.loads(server.asked[-1].body)["rotation_id"] == rotation_id
    keyturn("rotate", alias, "--force", "-y", "--rotation-id", rotation_id)
    assert json.loads(keyturn("show", alias, "-o", "json").out)["generation"] == 3


def test_a_lost_create_is_the_same_key_when_done_again(
    keyturn: Keyturn, alias: str, ready: dict[str, str]
) -> None:
    with between(passed_to(ready["url"]), lost_from(ready["url"])) as server:
        lost = keyturn("create", alias, KEYTURN_URL=server.url)
    assert (lost.code, lost.out) == (5, "")
    assert keyturn("create", alias).code == 1
    again = keyturn("create", alias, "--or-renew")
    assert again.key
    assert again.err.startswith("Renewed: the alias had a key.")


def test_a_key_made_in_between_is_renewed_and_said(
    keyturn: Keyturn, alias: str, ready: dict[str, str]
) -> None:
    """The look found nothing; by the time of the call there was a key."""
    key = keyturn.create(alias)
    with between(EMPTY, passed_to(ready["url"])) as server:
        done = keyturn("create", alias, KEYTURN_URL=server.url)
    assert (done.code, done.key) == (0, key)
    assert done.err.startswith("Renewed: the alias had a key.")


def test_a_key_that_was_imported_as_a_hash_is_renewed_without_its_string(alone: Keyturn) -> None:
    item = ITEM | {"key": None, "renewed": True, "recoverable": False}
    renewed = Reply(200, json.dumps(item).encode(), JSON)
    done, _ = asked(alone, renewed, verb=("create", "a", "--or-renew"))
    assert (done.code, done.out) == (0, "")
    assert "only its holder has it" in done.err
    done, _ = asked(alone, renewed, verb=("create", "a", "--or-renew", "-o", "json"))
    assert json.loads(done.out) == item


def test_a_list_without_an_end_is_given_up(alone: Keyturn) -> None:
    one, other = (
        Reply(200, b'{"items": [], "cursor": "%s"}' % name, JSON) for name in (b"one", b"other")
    )
    done, server = asked(alone, one, other, one, verb=("list", "--all"))
    assert (done.code, len(server.asked)) == (5, 3)
    assert "the list has no end" in done.err


def test_an_export_that_breaks_off_leaves_what_was(alone: Keyturn, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text("before")
    pages = Reply(200, b'{"items": [], "cursor": "next"}', JSON), refusal(500, "internal_error")
    done, _ = asked(alone, *pages, verb=("export", str(file), "--yes"))
    assert (done.code, file.read_text()) == (5, "before")
    assert not list(tmp_path.glob(".keyturn-*"))


def test_nobody_there_is_told_with_the_way_out(alone: Keyturn) -> None:
    given = {"KEYTURN_API_KEY": KEY, "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = alone("list", "--url", "http://127.0.0.1:9", **given)
    assert (done.code, done.out) == (5, "")
    assert "cannot reach http://127.0.0.1:9" in done.err
    assert "`make run`" in done.err
    done = alone("list", "--url", "https://keyturn.invalid/live", **given)
    assert done.code == 5
    assert "cannot reach https://keyturn.invalid/live" in done.err
    assert "Is the URL right" in done.err


def test_no_proxy_sees_a_key_for_this_machine(alone: Keyturn) -> None:
    with between(EMPTY) as server, between(EMPTY) as proxy:
        done = alone(
            "list",
            KEYTURN_URL=server.url,
            KEYTURN_API_KEY=KEY,
            HTTP_PROXY=proxy.url,
            ALL_PROXY=proxy.url,
        )
    assert (done.code, len(server.asked), len(proxy.asked)) == (0, 1, 0)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": "ftp://user:hunter2@host"},
        {"ALL_PROXY": "socks5://user:hunter2@host"},
        {"SSL_CERT_FILE": "/no/such/file"},
        {"SSL_CERT_FILE": __file__},
    ],
    ids=str,
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_told(
    alone: Keyturn, environment: dict[str, str]
) -> None:
    done = alone("list", "--url", "https://keyturn.invalid", KEYTURN_API_KEY=KEY, **environment)
    assert (done.code, done.out) == (2, "")
    assert "Look at HTTPS_PROXY" in done.err
    assert "hunter2" not in done.err


def test_a_certificate_that_is_not_trusted_gets_no_key(alone: Keyturn, tmp_path: Path) -> None:
    made = certificate(tmp_path / "server.pem", "127.0.0.1")
    with between(EMPTY, certificate=made) as server:
        done = alone("list", KEYTURN_URL=server.url, KEYTURN_API_KEY=KEY)
        plain = alone("list", "--url", server.url.replace("https", "http"), KEYTURN_API_KEY=KEY)
    assert (done.code, server.asked) == (5, [])
    assert f"the TLS certificate of {server.url} is not trusted: self-signed" in done.err
    assert "SSL_CERT_FILE" in done.err
    assert plain.code == 5


def test_tls_where_there_is_none_is_told(alone: Keyturn) -> None:
    with between(EMPTY) as server:
        done = alone("list", "--url", server.url.replace("http", "https"), KEYTURN_API_KEY=KEY)
    assert done.code == 5
    assert "no TLS with" in done.err
    assert "Is it https:// there?" in done.err
