"""Tables, and times as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from keyturn_cli import show
from keyturn_cli.records import Day, Item
from tests.cli.conftest import ITEM


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (15 * show.DAY, "in 15 days"),
        (1.4 * show.DAY, "in 34 hours"),
        (3600, "in 60 minutes"),
        (60, "in 60 seconds"),
        (0, "now"),
        (-1, "now"),
        (-45, "45 seconds ago"),
        (-7200, "2 hours ago"),
        (-400 * show.DAY, "400 days ago"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    # A little later than that when it is said.
    moment = datetime.now(UTC) + timedelta(seconds=seconds + 0.3)
    assert show.when(moment.isoformat()) == said


def test_what_is_no_time_is_shown_as_it_is() -> None:
    assert show.when(None) == "never"
    for text in ("", "soon", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "9" * 5000):
        assert show.when(text) == text
    assert show.when("\x1b[2J") == "\\x1b[2J"


def test_nothing_is_cut_on_its_way_to_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = ITEM | {"alias": "a" * 128, "roles": ["admin", "creator", "user"]}
    show.items([Item(**long)])
    show.record(Item(**long))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1].startswith("a" * 128 + "  active")
    assert lines[1].endswith("admin, creator, user")
    assert f"alias       {'a' * 128}" in lines


def test_days_are_bars_as_long_as_they_are_busy_from_the_first_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    days = [
        Day(day="2026-11-23", allowed=0, denied=0),
        Day(day="2026-11-24", allowed=300, denied=0),
        Day(day="2026-11-25", allowed=99, denied=1),
        Day(day="2026-11-26", allowed=0, denied=0),
    ]
    show.days(days)
    show.days([])
    head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["DAY", "ALLOWED", "DENIED"]
    assert rows[0] == ["2026-11-24", "300", "0", "\u2588" * 30]
    assert rows[1] == ["2026-11-25", "99", "1", "\u2588" * 11]
    assert rows[2] == ["2026-11-26", "0", "0"]
    assert rows[3] == head
