"""Functions in threads of one process, each as if it were alone."""

import json
import math
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infra.local.functions import Function, FunctionError, load

HANDLER = """
import os, sys, threading
import beside

def handler(event, context):
    if event == "raise":
        raise LookupError("what it says")
    if event == "exit":
        sys.exit(3)
    if event == "sleep":
        return threading.Event().wait(2)
    if event == "set":
        return {1, 2}
    event.append(os.environ["OWN"])
    left = context.get_remaining_time_in_millis()
    threading.Event().wait(0.05)
    os.environ["OWN"] = "changed"
    del os.environ["GONE"]
    return {
        "event": event,
        "own": os.environ["OWN"],
        "names": sorted(os.environ),
        "beside": id(beside),
        "left": [left, context.get_remaining_time_in_millis()],
        "context": [context.function_name, context.invoked_function_arn,
                    context.memory_limit_in_mb, context.log_group_name, context.aws_request_id],
    }
"""
ROUTES = """
import time
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

app = APIGatewayRestResolver(enable_validation=True)
meet = None
wrapped = []

def note(app, next_middleware):
    wrapped.append(app.current_event["headers"]["n"])
    return next_middleware(app)

class Slow(list):
    def __add__(self, others):
        time.sleep(0.05)  # for the others to begin with the same
        return super().__add__(others)

app._router_middlewares = Slow([note])

@app.get("/<name>")
def name(name: str):
    app.append_context(mine=name)
    meet.wait()
    return {"name": name, "event": app.current_event["headers"]["n"],
            "context": app.lambda_context.aws_request_id, "mine": app.context["mine"]}

def handler(event, context):
    answer = app.resolve(event, context)
    return {"answer": answer, "request": context.aws_request_id}
"""


def function(
    folder: Path, name: str = "one", handler: str = "code.handler", timeout: float = 5.0
) -> Function:
    (folder / "code.py").write_text(HANDLER)
    (folder / "beside.py").write_text("")
    return Function(
        name=name,
        arn=f"arn:aws:lambda:us-east-1:1:function:{name}",
        handler=handler,
        folder=folder,
        timeout=timeout,
        memory=256,
        environment={"OWN": name, "GONE": ""},
    )


def _modules() -> dict[str, ModuleType]:
    """Return what others can import; a function's own module has a name that nobody imports."""
    return {name: module for name, module in sys.modules.items() if ":" not in name}


def test_environment_is_the_functions_and_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN", "the process's")
    functions = [function(tmp_path, name) for name in ("one", "two")]
    load(functions)
    before = dict(os.environ)
    one, two = (function.invoke([]) for function in functions)

    assert (one["event"], two["event"]) == (["one"], ["two"])
    assert one["own"] == "changed"
    assert one["names"] == ["OWN"]
    assert os.environ == before
    assert os.environ["OWN"] == os.getenv("OWN") == "the process's"
    assert functions[0].invoke([])["event"] == ["one"]


def test_functions_share_what_lies_beside_them_and_keep_it_to_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = [function(tmp_path, name) for name in ("one", "two")]
    monkeypatch.setitem(sys.modules, "beside", ModuleType("beside"))
    modules, path = _modules(), list(sys.path)
    load(functions)
    one, two = (function.invoke([])["beside"] for function in functions)

    assert one == two != id(sys.modules["beside"])
    assert (_modules(), sys.path) == (modules, path)


def test_context_says_who_runs_and_how_long_it_may(tmp_path: Path) -> None:
    one = function(tmp_path, timeout=3.0)
    load([one])
    plain, alias = one.invoke([]), one.invoke([], "live")
    name, arn, memory, log_group, request_id = plain["context"]
    before, after = plain["left"]

    assert (name, memory, log_group) == ("one", "256", "/aws/lambda/one")
    assert arn == "arn:aws:lambda:us-east-1:1:function:one"
    assert alias["context"][1] == f"{arn}:live"
    assert request_id != alias["context"][4]
    assert 0 < before <= 3000
    assert before - after >= 40


def test_event_and_answer_go_through_json(tmp_path: Path) -> None:
    one = function(tmp_path)
    load([one])
    event: list[str] = []

    assert one.invoke(event)["event"] == ["one"]
    assert event == []


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ("raise", "LookupError", "what it says"),
        ("exit", "SystemExit", "3"),
        ("set", "TypeError", "Object of type set is not JSON serializable"),
    ],
)
def test_failure_ends_the_event_and_is_logged_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], event: str, kind: str, message: str
) -> None:
    one = function(tmp_path)
    load([one])

    with pytest.raises(FunctionError) as caught:
        one.invoke(event)

    assert (caught.value.kind, caught.value.message) == (kind, message)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["errorType"] == kind


def test_function_out_of_time_is_left_behind(tmp_path: Path) -> None:
    one = function(tmp_path, timeout=0.02)
    load([one])

    for wait in (math.inf, 0.02):
        with pytest.raises(FunctionError, match="timed out"):
            one.invoke("sleep", wait=wait)
    with pytest.raises(TimeoutError):
        one.invoke("sleep", wait=0.01)


def test_events_of_one_resolver_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "routes.py").write_text(ROUTES)
    one = function(tmp_path, handler="routes.handler")
    load([one])
    routes = one._run.__globals__  # noqa: SLF001 - the module
    callers = 16
    # The first event of a route puts its middlewares together: all of them are the first.
    monkeypatch.setitem(routes, "meet", threading.Barrier(callers))
    answers: dict[int, Any] = {}

    def ask(n: int) -> None:
        event = {"path": f"/name-{n}", "httpMethod": "GET", "headers": {"n": str(n)}, "body": None}
        answers[n] = one.invoke({**event, "requestContext": {"path": f"/name-{n}", "stage": "s"}})

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for n, answer in answers.items():
        assert json.loads(answer["answer"]["body"]) == {
            "name": f"name-{n}",
            "event": str(n),
            "context": answer["request"],
            "mine": f"name-{n}",
        }
    assert sorted(routes["wrapped"], key=int) == [str(n) for n in range(callers)]
