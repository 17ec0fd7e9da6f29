"""The local stack: an emulated AWS, the template's data on it, and its API over HTTP."""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local import background, functions, isolation
from infra.local.emulator import Taken, moto
from infra.local.functions import Function
from infra.local.gateway import Gateway
from infra.local.resources import CREDENTIALS, REGION, Resources
from infra.local.server import AccessLog, Server

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
FIRST_ADMIN = {"alias": "admin", "name": "Local admin", "roles": ["admin"]}


@dataclass(frozen=True)
class Stack:
    """A running stack; `functions` by logical id, `table` the name of the resource `Table`."""

    url: str
    aws_endpoint: str
    region: str
    resources: Resources
    functions: Mapping[str, Function]

    @property
    def table(self) -> str:
        """Return the name of the table."""
        return self.resources.attribute("Table", "Ref")

    @property
    def event_bus(self) -> str:
        """Return the name of the bus."""
        return self.resources.attribute("EventBus", "Ref")

    def invoke(self, function: str, event: object) -> Any:  # noqa: ANN401 - any JSON
        """Invoke a function directly, as whom IAM allows to.

        Raises:
            FunctionError: it raised, or ran out of time.
        """
        return self.functions[function].invoke(event)

    @cached_property
    def admin_key(self) -> str:
        """The first admin key, made at the first asking."""
        return first_admin_key(self.invoke)


def first_admin_key(invoke: Callable[[str, object], Any]) -> str:
    """Have the first admin key made, as whoever may invoke a function directly does.

    Raises:
        RuntimeError: the function did not make one; its log says why.
    """
    answer = invoke("CreateKeyFunction", FIRST_ADMIN)
    if "key" not in answer:
        raise RuntimeError(f"no admin key: {answer}")
    return str(answer["key"])


@contextmanager
def local_stack(  # noqa: PLR0913 - each has a default, and a name at the call
    port: int = 0,
    *,
    aws: str | None = None,
    dynamodb: str | None = None,
    template: Path = TEMPLATE,
    name: str = "keyturn-local",
    parameters: Mapping[str, str] | None = None,
    access_log: AccessLog | None = None,
    sweep_seconds: float = 15,
    runtime: Callable[[Function], Function] | None = None,
) -> Iterator[Stack]:
    """Run a stack; all of it ends with the block.

    Port 0 picks a free one. `aws` is an endpoint to use instead of starting moto, `dynamodb` one
    for the table alone; on an endpoint that others use too, `name` keeps the tables apart.
    `parameters` are the template's. What functions print goes to this process's standard output;
    they run in it, unless `runtime` makes of each one that runs elsewhere.
    Only on an AWS of its own does it read the table's stream, deliver events and what functions
    log, and sweep, every `sweep_seconds`.

    Raises:
        OSError: the port is taken.
        EmulatorError: moto did not start.
        TemplateError: the template holds what cannot be served here.
    """
    isolation.install()
    server = Server(port, access_log)
    taken: Taken = queue.SimpleQueue()
    try:
        with nullcontext(aws) if aws else moto(taken) as endpoint:
            resources = Resources(template, name, parameters or {})
            environment = _environment(endpoint, dynamodb)
            with isolation.environment(environment):
                resources.make(endpoint, dynamodb or endpoint)
            declared = _functions(resources, environment)
            if runtime:
                declared = {id: runtime(function) for id, function in declared.items()}
            else:
                functions.load(declared.values())
            server.gateway = Gateway(resources, declared)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                with (
                    nullcontext()
                    if aws
                    else background.running(resources, declared, taken, environment, sweep_seconds)
                ):
                    yield Stack(server.url, endpoint, REGION, resources, declared)
            finally:
                server.end()
    finally:
        server.server_close()


def _functions(resources: Resources, environment: Mapping[str, str]) -> dict[str, Function]:
    template = resources.template
    declared = dict(template.resources("AWS::Serverless::Function"))
    variables = {
        logical_id: function.get("Environment", {}).get("Variables", {})
        for logical_id, function in declared.items()
    }
    theirs = set().union(*variables.values())
    # Nothing by the name of a variable that another function declares: one that is forgotten must
    # not be found in the developer's shell.
    inherited = {name: value for name, value in environment.items() if name not in theirs}
    return {
        logical_id: Function(
            name=resources.attribute(logical_id, "Ref"),
            arn=resources.attribute(logical_id, "Arn"),
            handler=function["Handler"],
            folder=(template.folder / function["CodeUri"]).resolve(),
            timeout=float(function.get("Timeout", 3)),
            memory=int(function.get("MemorySize", 128)),
            environment={
                **inherited,
                **{name: str(value) for name, value in variables[logical_id].items()},
            },
        )
        for logical_id, function in declared.items()
    }


def _environment(endpoint: str, dynamodb: str | None) -> dict[str, str]:
    """Return this process's environment, but clients find the emulated AWS and no other.

    Of the developer's own AWS nothing is left: profile, credentials, Region, endpoints.
    """
    loopback = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"]))
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **CREDENTIALS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        **({"AWS_ENDPOINT_URL_DYNAMODB": dynamodb} if dynamodb else {}),
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }
