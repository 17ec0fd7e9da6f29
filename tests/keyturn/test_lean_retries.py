"""When the lean read asks again, when it gives up, and how long either takes."""

import socket
from contextlib import ExitStack
from email.utils import formatdate

import pytest

from keyturn import lean
from keyturn.lean import LeanReader
from tests.keyturn.wire import (
    ID,
    ROW,
    Time,
    Wire,
    answer,
    environment,
    error,
    gives_up,
    gone_after,
    reading,
    reset,
    row,
    silence,
)

THROTTLED = error("ThrottlingException")
SKEWED = "InvalidSignatureException"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_are_repeated_after_short_pauses(
    status: int, wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(error("InternalServerError", status), answer(b"<html>", status))

    assert reader.get(ID) == ROW
    assert time.pauses == [0.025, 0.05]


def test_throttling_is_repeated_after_long_pauses(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(error("ProvisionedThroughputExceededException"), THROTTLED)

    assert reader.get(ID) == ROW
    assert time.pauses == [1.0, 2.0]


def test_pauses_are_jittered_down_to_nothing(served: tuple[Wire, int], time: Time) -> None:
    served[0].plan(THROTTLED, error("InternalServerError", 500))

    with reading(environment(served[1]), time, jitter=0.0) as reader:
        assert reader.get(ID) == ROW
    assert time.pauses == [0.0, 0.0]


def test_lasting_throttling_is_given_up_within_the_budget(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(*[THROTTLED] * 9)

    assert gives_up(reader) == "GetItem: ThrottlingException, attempt 3"
    assert len(wire.requests) == lean.ATTEMPTS
    assert time.elapsed < lean.BUDGET


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("700", 0.7),
        ("10", 0.025),
        ("99000", 5.025),
        ("-5", 0.025),
        ("soon", 0.025),
        ("²", 0.025),
        ("9" * 5000, 5.025),
    ],
)
def test_server_may_ask_for_a_longer_pause_but_not_for_any(
    asked: str, pause: float, wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(error("InternalServerError", 500, f"x-amz-retry-after: {asked}"))

    assert reader.get(ID) == ROW
    assert time.pauses == [pause]


def test_pause_that_would_outlast_the_budget_is_not_begun(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(*[error("InternalServerError", 500, "x-amz-retry-after: 4000")] * 2)

    assert gives_up(reader) == "GetItem: InternalServerError, attempt 2"
    assert time.pauses == [4.0]


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"]
)
def test_what_would_be_answered_the_same_again_is_not_asked_again(
    code: str, wire: Wire, reader: LeanReader
) -> None:
    wire.plan(error(code))

    assert gives_up(reader) == f"GetItem: {code}, attempt 1"
    assert len(wire.requests) == 1


def test_reset_connections_are_replaced_until_the_attempts_are_used_up(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(reset, reset, reset)

    assert gives_up(reader) == "GetItem: ConnectionResetError, attempt 3"
    assert wire.connections == 3
    assert time.pauses == [0.025, 0.05]


def test_connections_are_kept(wire: Wire, reader: LeanReader) -> None:
    assert [reader.get(ID), reader.get(ID), reader.get(ID)] == [ROW, ROW, ROW]
    assert wire.connections == 1


@pytest.mark.row("F17")
def test_kept_connection_that_was_closed_is_replaced_at_once(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(gone_after(row))

    assert [reader.get(ID), reader.get(ID), reader.get(ID)] == [ROW, ROW, ROW]
    assert wire.connections == 2
    assert time.pauses == []


def test_replacement_of_a_closed_connection_may_fail_and_be_repeated(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(row, reset, reset)

    assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert wire.connections == 3
    assert time.pauses == [0.025]


def test_silent_server_is_left_for_a_new_connection(
    wire: Wire, reader: LeanReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "READ", 0.05)
    wire.plan(row, silence)

    assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert [request.connection for request in wire.requests] == [1, 1, 2]


@pytest.mark.row("F4")
def test_no_wait_outlasts_the_budget(wire: Wire, reader: LeanReader, time: Time) -> None:
    time.next_elapsed.append(0.0)  # the budget starts
    time.elapsed = lean.BUDGET - 0.05
    wire.plan(silence, silence, silence)

    assert gives_up(reader) == "GetItem: TimeoutError, attempt 2"
    assert time.elapsed < lean.BUDGET


def test_nothing_is_sent_once_the_budget_is_spent(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    time.next_elapsed.append(0.0)
    time.elapsed = lean.BUDGET

    assert gives_up(reader) == "GetItem: TimeoutError, attempt 1"
    assert wire.requests == []


def test_nobody_there_is_found_out_at_once(time: Time) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with reading(environment(port), time) as reader:
        assert gives_up(reader) == "GetItem: ConnectionRefusedError, attempt 3"


def test_connection_that_is_not_taken_is_given_up(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "CONNECT", 0.05)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # nobody accepts: the queue is full, and the next is not answered
            caller = stack.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(listener.getsockname())

        with reading(environment(listener.getsockname()[1]), time) as reader:
            assert gives_up(reader) == "GetItem: TimeoutError, attempt 3"


def test_outage_is_not_met_with_a_storm_of_retries(wire: Wire, reader: LeanReader) -> None:
    wire.plan(*[error("InternalServerError", 500)] * 200)
    for _ in range(50):
        gives_up(reader)
    before = len(wire.requests)

    gives_up(reader)

    assert before == 50 + 500 // 14
    assert len(wire.requests) == before + 1


def test_recovery_earns_retries_back(wire: Wire, reader: LeanReader) -> None:
    wire.plan(*[error("InternalServerError", 500)] * (30 + 500 // 14))
    for _ in range(30):
        gives_up(reader)
    for _ in range(14):
        assert reader.get(ID) == ROW

    wire.plan(error("InternalServerError", 500))

    assert reader.get(ID) == ROW


def stamps(wire: Wire) -> list[str]:
    return [request.headers["x-amz-date"] for request in wire.requests]


@pytest.mark.row("F12")
def test_skewed_clock_is_set_once_by_the_servers_and_stays_set(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    wire.plan(error(SKEWED, 400, f"Date: {formatdate(time.epoch + 600, usegmt=True)}"))

    assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert stamps(wire) == ["20270115T080000Z", "20270115T081000Z", "20270115T081000Z"]
    assert time.pauses == []


def test_clock_that_is_never_right_is_given_up(wire: Wire, reader: LeanReader, time: Time) -> None:
    ahead = [formatdate(time.epoch + hours * 3600, usegmt=True) for hours in (1, 2, 3)]
    wire.plan(*[error(SKEWED, 400, f"Date: {date}") for date in ahead])

    assert gives_up(reader) == f"GetItem: {SKEWED}, attempt 1"
    assert len(wire.requests) == 2


def test_clock_that_rights_itself_after_a_thaw_is_believed(
    wire: Wire, reader: LeanReader, time: Time
) -> None:
    time.next_epochs.append(time.epoch - 3600)
    wire.plan(error(SKEWED, 400, f"Date: {formatdate(time.epoch, usegmt=True)}"))

    assert reader.get(ID) == ROW
    assert stamps(wire) == ["20270115T070000Z", "20270115T080000Z"]


@pytest.mark.parametrize(
    "date", ["Date: Fri, 15 Jan 2027 08:03:00 GMT", "Date: today", "X-Date: none"]
)
def test_signature_that_is_wrong_at_the_right_time_is_not_repeated(
    date: str, wire: Wire, reader: LeanReader
) -> None:
    wire.plan(error(SKEWED, 400, date))

    assert gives_up(reader) == f"GetItem: {SKEWED}, attempt 1"
    assert len(wire.requests) == 1


def test_expired_token_is_replaced_once_where_there_is_another(
    served: tuple[Wire, int], time: Time
) -> None:
    wire, port = served
    wire.plan(error("ExpiredTokenException"), row, error("ExpiredTokenException"))
    environ = environment(port)
    with reading(environ, time) as reader:
        environ |= {"AWS_ACCESS_KEY_ID": "AKIDNEWER", "AWS_SECRET_ACCESS_KEY": "newer"}

        assert reader.get(ID) == ROW
        assert gives_up(reader) == "GetItem: ExpiredTokenException, attempt 1"
    used = [request.headers["authorization"].partition("/")[0] for request in wire.requests]
    assert [name.rpartition("=")[2] for name in used] == ["AKIDEXAMPLE", "AKIDNEWER", "AKIDNEWER"]
