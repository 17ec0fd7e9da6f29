"""The table is restored to an earlier time: what has ended since must not come back with it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import replay
from keyturn import aws as sdk
from keyturn import changes, keytext, service
from keyturn.errors import KeyCompromised
from keyturn.keys import DAY, Grant, Outcome, Reason, Rotation, moment
from keyturn.store import KeyStore
from tests.support import NOW, by
from tests.support_aws import Aws, Table, onlooker
from tests.support_desk import STORE, Desk

pytestmark = pytest.mark.prove

RESTORED = "keyturn-restored"
ALIASES = ("stays", "revoked", "leaked", "rotated", "rotated-again", "back", "renewed", "grace")


class Company:
    """Keys, what happened to them as events, and every string by alias, the oldest first."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.events: list[str] = []
        self.strings: dict[str, list[str]] = {}

    def do(self, alias: str, change: Callable[[], Any]) -> None:
        """Change a key, and keep the event that the stream makes of it."""
        id = keytext.id_of("", alias)
        before = Table().key(id)
        done = change()
        told = changes.of(before, Table().key(id))
        assert told is not None
        event = {"detail-type": told.happening, "detail": told.detail()}
        self.events.append(json.dumps(event, default=str))
        if hasattr(done, "text"):
            self.strings.setdefault(alias, []).append(done.text.reveal())

    def grant(self, alias: str) -> None:
        grant = Grant(alias=alias, name="N", roles=(), ttl_days=30)
        self.do(alias, lambda: self.desk.issue(grant))

    def rotate(self, alias: str, **fields: Any) -> None:  # noqa: ANN401 - as Rotation
        rotation = Rotation(id=f"{alias} {self.desk.now}", grace_seconds=3 * DAY, **fields)
        id = keytext.id_of("", alias)
        self.do(alias, lambda: self.desk.issuer.rotate(id, rotation, by("admin")))

    def end(self, alias: str, reason: Reason = Reason.CESSATION) -> None:
        id = keytext.id_of("", alias)
        self.do(alias, lambda: service.revoke(id, reason, by("admin"), STORE, self.desk.now))

    def judge(self, store: KeyStore, text: str) -> Outcome:
        return service.verify(text, None, store.get, self.desk.now).outcome


@pytest.fixture
def company(aws: Aws) -> Company:  # noqa: ARG001 - it is in there
    """A backup was taken at `NOW`, of the time before these events."""
    company = Company()
    company.desk.now -= DAY
    for alias in ALIASES:
        company.grant(alias)
    company.rotate("grace")
    company.end("back")
    return company


@pytest.fixture
def restored(company: Company) -> Iterator[KeyStore]:
    """The table as it was, restored beside the one in which life went on."""
    client = onlooker("dynamodb")
    backup = client.create_backup(TableName="keyturn-Table", BackupName="drill")["BackupDetails"]
    company.desk.now = NOW
    company.events.clear()
    company.end("revoked")
    company.end("leaked", Reason.COMPROMISED)
    company.rotate("rotated")
    company.rotate("rotated-again")
    company.desk.now += 2 * DAY
    company.rotate("rotated-again", force=True)
    company.grant("back")
    company.grant("renewed")
    company.grant("new")
    id = keytext.id_of("", "grace")
    now = company.desk.now = NOW + 60
    company.do("grace", lambda: STORE.end_grace(id, 2, now, now, by("admin")))
    company.desk.now = NOW + 3600
    client.restore_table_from_backup(
        TargetTableName=RESTORED,
        BackupArn=backup["BackupArn"],
        BillingModeOverride="PAY_PER_REQUEST",
    )
    yield KeyStore(sdk.dynamodb(), RESTORED)
    client.delete_table(TableName=RESTORED)


def replayed(source: str, company: Company, folder: Path) -> int:
    events = folder / "events.jsonl"
    # Delivered twice, and in another order.
    events.write_text("\n".join([*reversed(company.events), *company.events]), encoding="utf-8")
    where = (
        ["--from-table", "keyturn-Table"] if source == "table" else ["--from-events", str(events)]
    )
    return replay.main(["--table", RESTORED, "--since", moment(NOW), *where])


def test_without_a_replay_a_restore_brings_revoked_keys_back(
    company: Company, restored: KeyStore
) -> None:
    """Why there is a runbook."""
    for alias in ("revoked", "leaked", "rotated"):
        assert company.judge(restored, company.strings[alias][0]) is Outcome.VALID


@pytest.mark.row("T14")
@pytest.mark.parametrize("source", ["table", "events"])
def test_after_the_replay_nothing_works_that_had_ended(
    source: str,
    company: Company,
    restored: KeyStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert replayed(source, company, tmp_path) == 0

    said = capsys.readouterr().out
    for alias, strings in company.strings.items():
        ended = alias in {"revoked", "leaked", "rotated", "rotated-again", "new"}
        verdicts = {company.judge(restored, text) for text in strings}
        if ended:
            assert Outcome.VALID not in verdicts, alias
        assert not [text for text in strings if text in said]
    assert company.judge(restored, company.strings["stays"][0]) is Outcome.VALID
    assert company.judge(restored, company.strings["renewed"][0]) is Outcome.VALID
    first, second = company.strings["grace"]
    assert company.judge(restored, first) is Outcome.EXPIRED
    assert company.judge(restored, second) is Outcome.VALID
    assert f"{keytext.id_of('', 'new')} created since: not here: create it again" in said


@pytest.mark.parametrize("source", ["table", "events"])
def test_a_string_that_was_rotated_away_is_never_handed_out_again(
    source: str, company: Company, restored: KeyStore, tmp_path: Path
) -> None:
    replayed(source, company, tmp_path)
    company.desk.issuer = type(company.desk.issuer)(
        restored, company.desk.issuer.vault, company.desk.issuer.settings, lambda: company.desk.now
    )

    with pytest.raises(KeyCompromised):
        company.desk.issue(Grant(alias="rotated", name="N", roles=(), ttl_days=30))

    rotation = Rotation(id="heal", grace_seconds=DAY)
    healed = company.desk.issuer.rotate(keytext.id_of("", "rotated"), rotation, by("admin"))
    assert company.judge(restored, healed.text.reveal()) is Outcome.VALID
    assert company.judge(restored, company.strings["rotated"][0]) is Outcome.EXPIRED


@pytest.mark.parametrize("source", ["table", "events"])
def test_a_replay_repeated_changes_nothing(
    source: str, company: Company, restored: KeyStore, tmp_path: Path
) -> None:
    replayed(source, company, tmp_path)
    once = {alias: restored.get(keytext.id_of("", alias)) for alias in company.strings}

    replayed(source, company, tmp_path)

    assert {alias: restored.get(keytext.id_of("", alias)) for alias in company.strings} == once


def test_a_time_without_a_zone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--table", "x", "--from-table", "y", "--since", "2026-11-25T10:00:00"]
    with pytest.raises(SystemExit):
        replay.main(arguments)
    assert "needs its zone" in capsys.readouterr().err
