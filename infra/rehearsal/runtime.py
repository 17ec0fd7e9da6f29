"""Functions in Lambda's own runtime: `awslambdaric` under the Runtime Interface Emulator.

As on Lambda, a process serves one call at a time, keeps what its module made for the next, and is
ended where a call runs out of time; a call at the same time as others gets a process of its own.
Beyond `most` processes a function's callers wait, where Lambda would go on to make more.

Not imitated: the memory's limit, freezing between calls, versions and aliases, subscriptions to the
log, and the function's ARN, in which the emulator has an account of its own: an event that names
its account is refused.
"""

import http.client
import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from infra.local.functions import Function, FunctionError
from infra.rehearsal import made
from infra.rehearsal.group import Group, free_port, group

_PATH = "/2015-03-31/functions/function/invocations"
_STARTS = 3
_TIMED_OUT = b"Task timed out"


class _Process:
    """One emulator, and in it one runtime, which it starts at the first call."""

    def __init__(self, function: Function, group: Group, log: IO[bytes]) -> None:
        env = {
            **function.environment,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(math.ceil(function.timeout)),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "LAMBDA_TASK_ROOT": str(made.BUNDLE),
            "PYTHONPYCACHEPREFIX": str(made.BYTECODE),
        }
        for _ in range(_STARTS):
            port = free_port()
            command = (
                *(made.emulator(), "--log-level", "error"),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
                *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
                *(made.PYTHON, "-m", "awslambdaric", function.handler),
            )
            self._process = group.start(command, env, made.BUNDLE, log)
            self._connection = http.client.HTTPConnection("127.0.0.1", port)
            if self._listens():
                return
        raise FunctionError("Sandbox.Failure", "the emulator did not start")

    def call(self, payload: bytes, wait: float) -> tuple[int, bytes]:
        """Return the emulator's status and what it says.

        Raises:
            TimeoutError: the caller's patience ended first; the call goes on.
            FunctionError: the emulator went away.
        """
        if self._connection.sock:
            self._connection.sock.settimeout(None if math.isinf(wait) else wait)
        try:
            self._connection.request("POST", _PATH, payload)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise FunctionError("Sandbox.Failure", type(error).__name__) from None

    def end(self) -> None:
        """End both; what they were doing is not finished."""
        self._connection.close()
        self._process.kill()

    def runtime(self) -> int | None:
        """Return the process id of the runtime, if it has been started."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        children = "".join(task.read_text() for task in tasks).split()
        return int(children[0]) if children else None

    def _listens(self) -> bool:
        """Wait until it does; false where it ended instead, its port being another's by then."""
        while self._process.poll() is None:
            try:
                self._connection.connect()
            except ConnectionError:
                time.sleep(0.01)
            else:
                return True
        return False


class Emulated(Function):
    """A function whose calls are processes' to serve."""

    def __init__(self, function: Function, group: Group, log: IO[bytes], most: int) -> None:
        """Take what the template declares, and at most how many processes serve it at once."""
        declared = {
            each.name: getattr(function, each.name) for each in fields(function) if each.init
        }
        super().__init__(**declared)
        self._group, self._log = group, log
        self._slots = threading.BoundedSemaphore(most)
        self._idle: list[_Process] = []
        self._all: list[_Process] = []

    def invoke(self, event: object, qualifier: str = "", wait: float = math.inf) -> Any:  # noqa: ANN401 - any JSON
        """Have a process serve the event.

        Raises:
            FunctionError: it raised, could not be started, died, or ran out of time.
            TimeoutError: the caller's patience ended before the function's time.
        """
        del qualifier
        with self._slots:
            process = self._taken()
            try:
                status, said = process.call(json.dumps(event).encode(), wait)
            except BaseException:
                process.end()  # it may still be busy with this one
                raise
            self._idle.append(process)
        return _result(status, said)

    def end(self) -> None:
        """End its processes."""
        for process in self._all:
            process.end()

    def runtimes(self) -> list[int]:
        """Return the process ids of the runtimes that were started."""
        return [pid for process in self._all if (pid := process.runtime())]

    def _taken(self) -> _Process:
        try:
            return self._idle.pop()
        except IndexError:
            process = _Process(self, self._group, self._log)
            self._all.append(process)
            return process


class Runtime:
    """Makes functions run in the runtime; for `local_stack`."""

    def __init__(self, group: Group, log: IO[bytes], most: int) -> None:
        """Take where their processes belong, and where they say what they say."""
        self._group, self._log, self._most = group, log, most
        self.functions: list[Emulated] = []

    def __call__(self, function: Function) -> Emulated:
        """Return the function as the runtime runs it."""
        emulated = Emulated(function, self._group, self._log, self._most)
        self.functions.append(emulated)
        return emulated


@contextmanager
def runtime(log: IO[bytes], most: int = 4) -> Iterator[Runtime]:
    """Run the runtime; every process of it ends with the block.

    Raises:
        NotMadeError: `make rehearsal` first.
    """
    made.emulator()
    with group() as processes:
        made_here = Runtime(processes, log, most)
        try:
            yield made_here
        finally:
            for function in made_here.functions:
                function.end()


def _result(status: int, said: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what the function returned.

    Raises:
        FunctionError: it did not return.
    """
    if said.startswith(_TIMED_OUT):
        raise FunctionError("Sandbox.Timedout", said.decode())
    result = json.loads(said) if said else {"errorType": "Runtime.ExitError", "errorMessage": ""}
    failed = isinstance(result, dict) and result.keys() >= {"errorType", "errorMessage"}
    if failed or status != http.HTTPStatus.OK:
        raise FunctionError(str(result["errorType"]), str(result["errorMessage"]))
    return result
