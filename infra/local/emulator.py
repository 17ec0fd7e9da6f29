"""moto's server in a process of its own, for as long as this process lives.

A process of its own, so that the database does not share the interpreter lock with the functions.
Whatever ends this process ends that one: it waits for the end of its standard input, a pipe whose
other end only we hold.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class EmulatorError(Exception):
    """moto's server did not start; its own words are on standard error."""


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server on a free loopback port; yields its URL.

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
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port:
                raise EmulatorError("the AWS emulator (moto) did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    # moto asks botocore for the list of Regions: no profile of the developer's may get in the way.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return inherited | nowhere


def _serve() -> None:
    import logging  # noqa: PLC0415 - moto is loaded in the child only

    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    MotoRequestHandler.protocol_version = "HTTP/1.1"  # connections stay open between calls
    server = make_server(
        "127.0.0.1",
        0,
        DomainDispatcherApplication(create_backend_app),
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
