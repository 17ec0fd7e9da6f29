"""moto's server in a process of its own, for as long as this process lives.

A process of its own, so that the database does not share the interpreter lock with the functions.
Whatever ends this process ends that one: it waits for the end of its standard input, a pipe whose
other end only we hold. On its standard output it says its port, and then what was put on a bus of
EventBridge, which moto takes and hands to nobody.
"""

import copy
import io
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

Taken = queue.SimpleQueue[dict[str, Any]]
"""Entries of PutEvents as they were sent, each with its `EventId`."""


class EmulatorError(Exception):
    """moto's server did not start; its own words are on standard error."""


@contextmanager
def moto(taken: Taken | None = None) -> Iterator[str]:
    """Run moto's server on a free loopback port; yields its URL.

    `taken` gets what is put on its buses.

    Raises:
        EmulatorError: as above.
    """
    # -P: this file's folder holds modules whose names must not hide other packages' ones.
    # A session of its own: Ctrl-C in a terminal reaches us, and we end it.
    with subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-P", __file__],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout  # noqa: S101 - for the type checker: it is a pipe
            port = process.stdout.readline().strip()
            if not port:
                raise EmulatorError("the AWS emulator (moto) did not start")
            reader = threading.Thread(target=_read, args=(process.stdout, taken), daemon=True)
            reader.start()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _read(lines: IO[str], taken: Taken | None) -> None:
    for line in lines:  # also where nobody asks: a full pipe would stop the emulator
        if taken is not None:
            taken.put(json.loads(line))


def _environment() -> dict[str, str]:
    # moto asks botocore for the list of Regions: no profile of the developer's may get in the way.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return inherited | nowhere


class _Mended:
    """moto, where conditional writes are atomic, and with what PutEvents takes told.

    For every item of a transaction it copies the whole table: here once for all of them.

    moto checks a write's condition first and writes then: of two writers at once both may win. And
    what is on a bus reaches no function. So calls of DynamoDB go one at a time, and whatever is put
    on a bus is written to standard output, one line an entry.
    """

    def __init__(self, moto: Callable[[Any, Any], Iterable[bytes]]) -> None:
        self._moto = moto
        self._one_at_a_time = threading.Lock()
        self._copies: dict[int, Any] = {}
        self._writing = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith("DynamoDB_"):
            with self._one_at_a_time:
                self._copies.clear()
                return [b"".join(self._moto(environ, start_response))]
        if target == "AWSEvents.PutEvents":
            return self._told(environ, start_response)
        return self._moto(environ, start_response)

    def copied(self, table: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401 - moto's Table
        """Copy a table, once in a call."""
        if id(table) not in self._copies:
            made = self._copies[id(table)] = object.__new__(type(table))
            vars(made).update(copy.deepcopy(vars(table), memo))
        return self._copies[id(table)]

    def _told(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ANN401
        sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(sent)
        answer = b"".join(self._moto(environ, start_response))
        answers = json.loads(answer).get("Entries", [])  # none: it refused the whole call
        with self._writing:
            for entry, told in zip(json.loads(sent)["Entries"], answers, strict=False):
                if "EventId" in told:
                    sys.stdout.write(json.dumps({**entry, **told}) + "\n")
            sys.stdout.flush()
        return [answer]


def _serve() -> None:
    import logging  # noqa: PLC0415 - moto is loaded in the child only

    from moto.dynamodb.models.table import Table  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    MotoRequestHandler.protocol_version = "HTTP/1.1"  # connections stay open between calls
    mended = _Mended(DomainDispatcherApplication(create_backend_app))
    Table.__deepcopy__ = lambda table, memo: mended.copied(table, memo)  # type: ignore[attr-defined]  # noqa: PLW0108
    server = make_server(
        "127.0.0.1",
        0,
        mended,
        threaded=True,
        request_handler=MotoRequestHandler,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve()
