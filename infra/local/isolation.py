"""What a Lambda execution environment is to an event, for many events in threads of one process.

Lambda gives every function its environment variables and its log, and every event an environment
that serves no other at the same time. Powertools' resolver relies on the latter: it keeps the
event, the Lambda context and the routing context on classes and on its one instance. Here all of
that belongs to the thread, and nothing of it is seen outside: other clients and tests in this
process keep theirs.
"""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import ApiGatewayResolver
from aws_lambda_powertools.event_handler.api_gateway import Route


class _Thread(threading.local):
    """What belongs to a thread: its environment variables, where not the process's, and values.

    And who else gets the lines that it writes, the last of which is only begun.
    """

    def __init__(self) -> None:
        self.environment: dict[str, str] | None = None
        self.values: dict[tuple[int, str], Any] = {}
        self.listen: Callable[[str], object] | None = None
        self.begun = ""


_thread = _Thread()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Make these all the environment variables that this thread sees."""
    before, _thread.environment = _thread.environment, dict(variables)
    try:
        yield
    finally:
        _thread.environment = before


@contextmanager
def output(listen: Callable[[str], object]) -> Iterator[None]:
    """Let `listen` have every line that this thread writes to `sys.stdout`, where it goes as ever.

    What `print` writes without naming a file goes past it: that does not look at `sys`.
    """
    before, _thread.listen, _thread.begun = _thread.listen, listen, ""
    try:
        yield
    finally:
        _thread.listen = before


class _Output(io.TextIOBase):
    """Standard output for a thread that is listened to: also once it is a logger's."""

    def write(self, text: str) -> int:
        _stdout().write(text)
        if _thread.listen is not None:
            *lines, _thread.begun = (_thread.begun + text).split("\n")
            for line in lines:
                _thread.listen(line)
        return len(text)

    def flush(self) -> None:
        _stdout().flush()


_output = _Output()


def _stdout() -> Any:  # noqa: ANN401 - whatever the process's is just now
    return vars(sys)["stdout"]


class _Sys(ModuleType):
    """`sys`, for a thread that is listened to."""

    @property
    def stdout(self) -> Any:  # noqa: ANN401
        return _stdout() if _thread.listen is None else _output

    @stdout.setter
    def stdout(self, stream: Any) -> None:  # noqa: ANN401
        vars(sys)["stdout"] = stream


class _Environ(os._Environ[str]):  # noqa: SLF001 - os.environ has no other type
    """`os.environ`, for a thread with variables of its own."""

    def __getitem__(self, name: str) -> str:
        own = _thread.environment
        return super().__getitem__(name) if own is None else own[name]

    def __setitem__(self, name: str, value: str) -> None:
        if _thread.environment is None:
            super().__setitem__(name, value)
        else:
            _thread.environment[name] = value

    def __delitem__(self, name: str) -> None:
        if _thread.environment is None:
            super().__delitem__(name)
        else:
            del _thread.environment[name]

    def __iter__(self) -> Iterator[str]:
        return super().__iter__() if _thread.environment is None else iter(_thread.environment)

    def __len__(self) -> int:
        return super().__len__() if _thread.environment is None else len(_thread.environment)


class _PerThread:
    """An instance attribute with a value of its own in every thread."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:  # noqa: ANN401
        if instance is None:
            return self
        try:
            return _thread.values[id(instance), self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, instance: object, value: object) -> None:
        _thread.values[id(instance), self._name] = value


@cache  # once is enough: it stays, and to one thread alone nothing changes
def install() -> None:
    """Make `os.environ`, `sys.stdout` and Powertools' resolver tell threads apart."""
    os.environ.__class__ = _Environ
    sys.__class__ = _Sys

    for name in ("current_event", "lambda_context", "context"):
        setattr(ApiGatewayResolver, name, _PerThread(name))
    resolve, to_event = ApiGatewayResolver.resolve, ApiGatewayResolver._to_proxy_event  # noqa: SLF001

    def resolve_apart(self: Any, event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401
        self.context = {}
        self.lambda_context = context
        return resolve(self, event, context)

    def to_event_apart(self: Any, event: dict[str, Any]) -> Any:  # noqa: ANN401
        self.current_event = to_event(self, event)
        return self.current_event

    setattr(ApiGatewayResolver, "resolve", resolve_apart)  # noqa: B010 - types differ on purpose
    setattr(ApiGatewayResolver, "_to_proxy_event", to_event_apart)  # noqa: B010

    # A route puts its middlewares together at its first event. Two first events would do it twice,
    # one stack around the other.
    build, building = Route._build_middleware_stack, threading.Lock()  # noqa: SLF001

    def build_once(self: Route, router_middlewares: list[Any], app: Any) -> None:  # noqa: ANN401
        with building:
            if not self._middleware_stack_built:
                build(self, router_middlewares, app)

    setattr(Route, "_build_middleware_stack", build_once)  # noqa: B010
