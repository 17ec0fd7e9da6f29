"""Where the URL and the key come from, and what is refused on the way."""

import stat
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as Fail
from keyring.errors import KeyringError, PasswordDeleteError

from keyturn import keytext
from tests.cli.between import Reply, between
from tests.cli.conftest import Keyturn

KEY = keytext.KeyText("kt", "A" * 17, "B" * 32).reveal()  # the same in every process
OTHER = keytext.mint("acme_live", "B" * 17).reveal()
NOWHERE = "http://127.0.0.1:9"


class Memory(KeyringBackend):
    """A keyring that keeps what it is given as long as the test lasts."""

    priority = 1.0

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.held:
            raise PasswordDeleteError
        del self.held[service, username]


class Locked(Memory):
    """A keyring that nobody unlocks."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError(f"locked: {service} {username} {KEY}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError(f"locked: {service} {username} {password}")

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringError(f"locked: {service} {username} {KEY}")


class Null(Memory):
    """A keyring that forgets at once, as one of keyring's own does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The system's keyring, in memory."""
    memory = Memory()
    monkeypatch.setattr(keyring.core, "_keyring_backend", memory)
    return memory


def config(command: Keyturn) -> Path:
    return Path(command.environment["XDG_CONFIG_HOME"]) / "keyturn" / "config.ini"


def configured(command: Keyturn, text: str, mode: int = 0o600) -> Path:
    path = config(command)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def login(command: Keyturn, ready: dict[str, str], *arguments: str, key: str = "") -> str:
    given = ("--url", ready["url"], "--key-stdin", *arguments)
    done = command("login", *given, stdin=f"{key or ready['admin_key']}\n")
    assert (done.code, done.out) == (0, "")
    return done.err


def test_without_a_keyring_the_key_is_in_a_file_that_nobody_else_reads(
    alone: Keyturn, ready: dict[str, str]
) -> None:
    keyring.set_keyring(Fail())  # type: ignore[no-untyped-call]
    said = login(alone, ready)
    path = config(alone)

    assert said.startswith("You are admin (admin) at http://127.0.0.1:")
    assert f"The key of the profile default is in {path}." in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert ready["admin_key"] in path.read_text()
    done = alone("whoami")
    assert (done.code, "from the profile default" in done.err) == (0, True)
    assert alone("logout").code == 0
    assert ready["admin_key"] not in path.read_text()
    assert [alone(verb).code for verb in ("whoami", "logout")] == [2, 2]


def test_the_keyring_holds_the_key_and_the_file_does_not(
    alone: Keyturn, ready: dict[str, str], ring: Memory
) -> None:
    said = login(alone, ready, "--profile", "here")

    assert "The key of the profile here is in the keyring." in said
    assert ring.held == {("keyturn", "here"): ready["admin_key"]}
    assert ready["admin_key"] not in config(alone).read_text()
    assert alone("whoami", "--profile", "here").code == 0
    assert alone("whoami", KEYTURN_PROFILE="here").code == 0
    assert alone("whoami").code == 2

    login(alone, ready, "--profile", "here", "--no-keyring")
    assert ring.held == {}
    assert alone("whoami", "--profile", "here").code == 0
    login(alone, ready, "--profile", "here")
    assert alone("logout", "--profile", "here").code == 0
    assert ring.held == {}
    assert alone("whoami", "--profile", "here").code == 2


@pytest.mark.parametrize("kind", [Locked, Null])
def test_a_keyring_that_keeps_nothing_is_none(
    alone: Keyturn, ready: dict[str, str], kind: type[Memory]
) -> None:
    keyring.set_keyring(kind())
    assert str(config(alone)) in login(alone, ready)
    assert alone("whoami").code == 0


def test_a_keyring_that_lost_the_key_is_told_with_the_way_out(
    alone: Keyturn, ready: dict[str, str], ring: Memory
) -> None:
    login(alone, ready)
    ring.held.clear()
    forgotten = alone("whoami")
    keyring.set_keyring(Locked())
    locked = alone("whoami")

    for done in (forgotten, locked):
        assert (done.code, done.out) == (2, "")
        assert "the keyring does not give the key of the profile default" in done.err
        assert "`keyturn login`" in done.err
    assert "may still hold the key" in alone("logout").err


def test_a_key_that_does_not_work_is_not_stored(alone: Keyturn, ready: dict[str, str]) -> None:
    done = alone("login", "--url", ready["url"], "--key-stdin", stdin=KEY)
    assert (done.code, done.out) == (3, "")
    assert not config(alone).exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_open_is_refused_with_the_chmod(alone: Keyturn, mode: int) -> None:
    path = configured(alone, f"[default]\nurl = {NOWHERE}\nkey = {KEY}\n", mode)
    done = alone("list")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"keyturn: others may open {path}\nRun: chmod 600 '{path}'\n"
    path.chmod(0o400)
    assert alone("list").code == 5


@pytest.mark.parametrize(
    "text", [f"key = {KEY}", f"[default]\n{KEY}\n", "[default", "[a]\n[a]\n", "\udcff\udcfe"]
)
def test_a_file_that_cannot_be_understood_is_not_quoted(alone: Keyturn, text: str) -> None:
    path = configured(alone, "")
    path.write_bytes(text.encode(errors="surrogateescape"))
    done = alone("list")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"keyturn: {path} cannot be understood\n")


def test_what_comes_first(alone: Keyturn) -> None:
    """A profile that is named, then the environment, then the profile `default`."""
    with between(Reply(401, b'{"code": "unauthorized"}')) as one, between(Reply(500)) as two:
        text = f"[default]\nurl = {one.url}/\nkey = {KEY}\n[two]\nurl = {two.url}\nkey = {OTHER}\n"
        configured(alone, text)
        codes = [
            alone("list").code,
            alone("list", "--profile", "two").code,
            alone("list", KEYTURN_URL=two.url, KEYTURN_API_KEY=OTHER).code,
            alone("list", "--profile", "two", KEYTURN_URL=NOWHERE, KEYTURN_API_KEY=KEY).code,
            alone("list", "--url", f"{one.url}/", KEYTURN_URL=NOWHERE).code,
            alone("list", "--key-stdin", stdin=OTHER).code,
        ]
    assert codes == [3, 5, 5, 5, 3, 3]
    keys = [request.headers["Authorization"].removeprefix("Bearer ") for request in one.asked]
    assert keys == [KEY, KEY, OTHER]
    assert [request.headers["Authorization"] for request in two.asked] == [f"Bearer {OTHER}"] * 3


def test_a_profile_s_key_goes_to_no_other_server(alone: Keyturn) -> None:
    configured(alone, f"[default]\nurl = {NOWHERE}\nkey = {KEY}\n")
    with between(Reply(200)) as other:
        for given in (("--url", other.url), ("--url", other.url, "--profile", "default")):
            done = alone("list", *given)
            assert (done.code, done.out) == (2, "")
            assert f"there is no key for {other.url}" in done.err
        assert alone("list", KEYTURN_URL=other.url).code == 2
        assert other.asked == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8000", "https://host/stage"),
        ("ftp://127.0.0.1/", "https://host/stage"),
        ("https://", "https://host/stage"),
        ("https://[::1", "https://host/stage"),
        ("https://host:99999", "https://host/stage"),
        ("https://user:hunter2@host/live", "https://host/stage"),
        ("https://host/a b", "https://host/stage"),
        ("https://host/\x1b[2J", "https://host/stage"),
        ("https://host/live?key=hunter2", "must end with its path"),
        ("https://host/live#hunter2", "must end with its path"),
        ("http://host/live", "http://host would carry the key in the clear"),
        ("http://127.0.0.1.example.com", "would carry the key in the clear"),
    ],
)
def test_a_url_that_no_key_may_go_to_is_refused(alone: Keyturn, url: str, said: str) -> None:
    for given in ({"KEYTURN_URL": url}, {}):
        option = () if given else ("--url", url)
        done = alone("list", *option, KEYTURN_API_KEY=KEY, **given)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert "hunter2" not in done.err


def test_a_url_may_be_written_as_people_copy_it(alone: Keyturn) -> None:
    with between(Reply(200, b'{"items": [], "cursor": null}')) as server:
        for end in ("", "/", "/api/apikey", "/api/apikey/"):
            assert alone("list", KEYTURN_URL=server.url + end, KEYTURN_API_KEY=KEY).code == 0
    assert {request.path for request in server.asked} == {"/api/apikey?limit=100"}


def test_what_is_missing_is_told_with_the_way_to_give_it(alone: Keyturn) -> None:
    done = alone("list")
    assert (done.code, done.out) == (2, "")
    assert "there is no URL to call" in done.err
    assert "KEYTURN_URL and KEYTURN_API_KEY" in done.err
    assert "`keyturn login`" in done.err
    done = alone("list", KEYTURN_URL=NOWHERE)
    assert (done.code, done.out) == (2, "")
    assert f"there is no key for {NOWHERE}" in done.err
    assert "--key-stdin" in done.err
    assert "there is no profile 'prod'" in alone("list", "--profile", "prod").err
    assert alone("list", "--profile", "../etc").code == 2
    assert alone("login").code == 2
    assert alone("login", "--url", NOWHERE).code == 2


@pytest.mark.parametrize(
    "text", ["nonsense", f"{KEY}\nX-Evil: 1", f"Bearer {KEY}", f"{KEY},", "\u00e9" * 20, "x" * 513]
)
def test_what_is_no_key_is_not_sent(alone: Keyturn, text: str) -> None:
    with between(Reply(200)) as server:
        for given in ({"KEYTURN_API_KEY": text}, {"KEYTURN_API_KEY": f" {text} "}):
            done = alone("list", KEYTURN_URL=server.url, **given)
            assert (done.code, done.out) == (2, "")
            assert done.err.startswith("keyturn: KEYTURN_API_KEY holds no key\n")
    assert server.asked == []


def test_spaces_around_a_key_are_not_of_it(keyturn: Keyturn, ready: dict[str, str]) -> None:
    assert keyturn("whoami", KEYTURN_API_KEY=f"  {ready['admin_key']}\r\n").code == 0
    assert keyturn("whoami", "--key-stdin", stdin=f"\ufeff{ready['admin_key']}\r\n").code == 0
