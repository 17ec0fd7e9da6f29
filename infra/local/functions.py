"""Loads the template's functions and runs them as Lambda would.

Each function is a module of its own, imported by its path under a name of its own with its own
environment: one file deployed twice is two functions. What the modules import from beside them (the
package `keyturn`) they share among themselves, and with nobody else in this process.
"""

import json
import math
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local import isolation


class FunctionError(Exception):
    """The function raised, ran out of time, or returned what is not JSON."""

    def __init__(self, kind: str, message: str) -> None:
        """Take what Lambda calls `errorType` and `errorMessage`."""
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda's Python runtime hands to a handler; `deadline` on the monotonic clock."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """Return Lambda's default name."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's timeout."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


@dataclass
class Function:
    """A function as the template declares it; `timeout` in seconds, `memory` in MB."""

    name: str
    arn: str
    handler: str
    folder: Path
    timeout: float
    memory: int
    environment: Mapping[str, str]
    listeners: list[Callable[[str], object]] = field(default_factory=list, init=False, repr=False)
    """Each is given every line that the function writes to its log."""
    _run: Callable[[Any, LambdaContext], Any] = field(init=False, repr=False)

    def load(self) -> None:
        """Import the module.

        Raises:
            Exception: whatever the import raises.
        """
        path, _, attribute = self.handler.rpartition(".")
        name = f"{self.name}:{path}"
        loader = SourceFileLoader(name, str(self.folder / f"{path}.py"))
        module = ModuleType(name)
        module.__file__ = loader.path
        sys.modules[name] = module  # where whoever reads annotations looks for it
        with isolation.environment(self.environment), isolation.output(self._hear):
            loader.exec_module(module)
        self._run = getattr(module, attribute)

    def invoke(self, event: object, qualifier: str = "", wait: float = math.inf) -> Any:  # noqa: ANN401 - any JSON
        """Run the handler in a thread of its own and return its answer; both go through JSON.

        The caller waits for `wait` seconds. A handler still running when the time is over is left
        behind: a thread cannot be ended.

        Raises:
            FunctionError: as above.
            TimeoutError: the caller's patience ended before the function's time.
        """
        arn = f"{self.arn}:{qualifier}" if qualifier else self.arn
        context = LambdaContext(self.name, arn, str(self.memory), time.monotonic() + self.timeout)
        payload = json.dumps(event)
        outcome: list[str | FunctionError] = []

        def run() -> None:
            with isolation.environment(self.environment), isolation.output(self._hear):
                try:
                    outcome.append(json.dumps(self._run(json.loads(payload), context)))
                except BaseException as error:  # noqa: BLE001 - whatever it is ends this event alone
                    _report(error, context)
                    outcome.append(FunctionError(type(error).__name__, str(error)))

        thread = threading.Thread(target=run, name=self.name, daemon=True)
        thread.start()
        thread.join(min(self.timeout, wait))
        if not outcome and wait < self.timeout:
            raise TimeoutError
        if not outcome:
            raise FunctionError("Sandbox.Timedout", f"timed out after {self.timeout} seconds")
        if isinstance(outcome[0], FunctionError):
            raise outcome[0]
        return json.loads(outcome[0])

    def _hear(self, line: str) -> None:
        for listen in self.listeners:
            listen(line)


def load(functions: Iterable[Function]) -> None:
    """Load functions together, so that they share what they import from beside them.

    Raises:
        Exception: whatever an import raises.
    """
    isolation.install()
    functions = list(functions)
    with _own_imports({function.folder for function in functions}):
        for function in functions:
            function.load()


@contextmanager
def _own_imports(folders: set[Path]) -> Iterator[None]:
    """Let imports find these folders, and give what they find there to nobody else."""
    theirs = {path.stem for folder in folders for path in folder.iterdir()}

    def set_aside() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] in theirs]
        return {name: sys.modules.pop(name) for name in names}

    others = set_aside()
    path = list(sys.path)
    sys.path[:0] = map(str, folders)
    try:
        yield
    finally:
        sys.path[:] = path
        set_aside()
        sys.modules.update(others)


def _report(error: BaseException, context: LambdaContext) -> None:
    """Write what Lambda's runtime writes to the function's log about an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    line = {
        "level": "ERROR",
        "function_name": context.function_name,
        "requestId": context.aws_request_id,
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    sys.stdout.write(json.dumps(line) + "\n")
