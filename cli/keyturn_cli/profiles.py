"""Where the URL and the key come from: options, the environment, a profile, a prompt.

A profile is a section of `config.ini`, which nobody else may read: `url`, and `key`, or `keyring`
where the operating system's keyring holds the key. A profile's key goes to its own URL alone.
"""

import configparser
import os
import re
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from keyturn_cli import ask, text
from keyturn_cli.errors import Misused

DEFAULT = "default"

_SERVICE = "keyturn"  # what the keyring files our keys under
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HERE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Server:
    """Whom to call, with which key, and where that came from."""

    url: str
    key: str = field(repr=False)
    source: str


def server(url: str | None, profile: str | None, *, key_stdin: bool) -> Server:
    """Find out whom to call. A profile that is named comes before the environment.

    Raises:
        Misused: something is missing or cannot be meant so.
    """
    environment = {} if profile else os.environ
    where = url or environment.get("KEYTURN_URL", "")
    key = environment.get("KEYTURN_API_KEY", "")
    stored = None
    if profile or not where or not (key or key_stdin):
        stored = _section(profile or DEFAULT)
        if profile and stored is None:
            raise Misused(f"there is no profile {profile!r}", "`keyturn login` makes one.")
    where = where or (stored or {}).get("url", "")
    if not where:
        raise Misused(
            "there is no URL to call",
            "Set KEYTURN_URL and KEYTURN_API_KEY, as `make run` says, or store both with "
            "`keyturn login`. For a stack, it is the output Url.",
        )
    where = checked(where)
    if key_stdin:
        return Server(where, text.key(ask.secret("Key"), "standard input"), "standard input")
    if key:
        return Server(where, text.key(key, "KEYTURN_API_KEY"), "KEYTURN_API_KEY")
    if stored and checked(stored.get("url", where)) == where:
        source = f"the profile {profile or DEFAULT}"
        return Server(where, text.key(_key(stored, profile or DEFAULT), source), source)
    if ask.is_there():
        return Server(where, text.key(ask.secret(f"Key for {where}"), "the prompt"), "the prompt")
    raise Misused(
        f"there is no key for {where}",
        "Set KEYTURN_API_KEY, give it with --key-stdin, or store it with `keyturn login`.",
    )


def checked(url: str) -> str:
    """Return the URL as requests start with it.

    Raises:
        Misused: no key may go there; the text does not say where, it could hold a password.
    """
    refused = Misused("the URL is none: it looks like https://host/stage, without a password")
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise refused from None
    if not good or not re.fullmatch(r"https?://[!-~]+", url) or "@" in parts.netloc:
        raise refused
    if parts.query or parts.fragment:
        raise Misused("the URL must end with its path")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise Misused(
            f"http://{parts.hostname} would carry the key in the clear",
            "Use https://; plain http is for this machine alone.",
        )
    return url.rstrip("/").removesuffix("/api/apikey").rstrip("/")


def is_here(url: str) -> bool:
    """Tell whether a URL is this machine's."""
    return urlsplit(url).hostname in _HERE


def config() -> Path:
    """Return the path of the configuration."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if Path(home).is_absolute() else Path.home() / ".config"
    return folder / "keyturn" / "config.ini"


def url_of(profile: str) -> str | None:
    """Return the URL of a profile; `None` where it has none.

    Raises:
        Misused: the name is none, or the configuration cannot be used.
    """
    return (_section(profile) or {}).get("url")


def save(profile: str, url: str, key: str, *, keyring: bool) -> str:
    """Store a profile, the key in the keyring if wanted and there is one; return where it went.

    Raises:
        Misused: the configuration cannot be used.
    """
    parser = _read()
    in_keyring = keyring and _keep(profile, key)
    if not in_keyring:
        _forget(parser, profile)
    parser[profile] = {"url": url} | ({"keyring": "yes"} if in_keyring else {"key": key})
    _write(parser)
    return "the keyring" if in_keyring else str(config())


def remove(profile: str) -> None:
    """Forget a profile and its key.

    Raises:
        Misused: there is none, or the configuration cannot be used.
    """
    parser = _read()
    if not parser.has_section(profile):
        raise Misused(f"there is no profile {profile!r}")
    _forget(parser, profile)
    parser.remove_section(profile)
    _write(parser)


def _section(profile: str) -> dict[str, str] | None:
    if not _NAME.fullmatch(profile):
        raise Misused("a profile's name is of letters, digits, - and _")
    parser = _read()
    return dict(parser[profile]) if parser.has_section(profile) else None


def _read() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    path = config()
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise Misused(f"others may open {path}", f"Run: chmod 600 '{path}'")
            parser.read_file(file)
    except FileNotFoundError:
        pass
    except (configparser.Error, UnicodeDecodeError):  # whose text would quote the file
        raise Misused(f"{path} cannot be understood", "Mend it, or move it away.") from None
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror}") from None
    return parser


def _write(parser: configparser.ConfigParser) -> None:
    path = config()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)  # 0600
        try:
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                parser.write(file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Misused(f"{path} cannot be written: {error.strerror}") from None


def _key(section: dict[str, str], profile: str) -> str:
    if "keyring" not in section:
        return section.get("key", "")
    import keyring
    from keyring.errors import KeyringError

    try:
        found = keyring.get_password(_SERVICE, profile)
    except KeyringError:
        found = None
    if found is None:
        raise Misused(
            f"the keyring does not give the key of the profile {profile}",
            "Unlock it, or store the key again with `keyturn login`.",
        )
    return found


def _keep(profile: str, key: str) -> bool:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_SERVICE, profile, key)
        return keyring.get_password(_SERVICE, profile) == key  # one backend stores nothing
    except KeyringError:
        return False


def _forget(parser: configparser.ConfigParser, profile: str) -> None:
    if not parser.has_option(profile, "keyring"):
        return
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(_SERVICE, profile)
    except KeyringError:
        sys.stderr.write(f"the keyring may still hold the key of the profile {profile}\n")
