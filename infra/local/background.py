"""What happens with nobody waiting: the table's stream, events on a bus, the schedule, the logs.

Runs on an AWS that this process started, and on no other: on one that others use too, the events
would be theirs as well.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import boto3

from infra.local import bus, isolation, rules, subscriptions
from infra.local.emulator import Taken
from infra.local.functions import Function
from infra.local.resources import Resources
from infra.local.stream import Stream
from infra.local.template import TemplateError

_END_SECONDS = 2


@contextmanager
def running(
    resources: Resources,
    functions: Mapping[str, Function],
    taken: Taken,
    environment: Mapping[str, str],
    sweep_seconds: float,
) -> Iterator[None]:
    """Run it for the length of the block; `functions` by logical id.

    `environment` leads to the emulated AWS.

    Raises:
        TemplateError: what cannot be served here.
    """
    template = resources.template
    for logical_id, function in template.resources("AWS::Serverless::Function"):
        if {event["Type"] for event in function.get("Events", {}).values()} - {"Api"}:
            raise TemplateError(f"{logical_id}: declare rules and mappings as resources")
    declared = rules.read(resources, functions)
    subscribed = subscriptions.read(resources, functions)
    by_name = {function.name: function for function in functions.values()}
    endpoint = environment.get("AWS_ENDPOINT_URL_DYNAMODB", environment["AWS_ENDPOINT_URL"])
    ending = threading.Event()
    clients = []
    threads = [
        threading.Thread(target=bus.deliver, args=(taken, declared, ending)),
        threading.Thread(target=bus.keep_time, args=(declared, sweep_seconds, ending)),
        threading.Thread(target=subscriptions.deliver, args=(subscribed, ending)),
    ]
    for logical_id, mapping in template.resources("AWS::Lambda::EventSourceMapping"):
        if mapping["FunctionName"] not in by_name:
            raise TemplateError(f"{logical_id}: the function is none of the template's")
        with isolation.environment(environment):
            client = boto3.client("dynamodbstreams", endpoint_url=endpoint)
        clients.append(client)
        stream = Stream(client, by_name[mapping["FunctionName"]], mapping)
        threads.append(threading.Thread(target=stream.run, args=(ending,)))
    for thread in threads:
        thread.daemon = True
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(_END_SECONDS)
        for client in clients:
            client.close()
