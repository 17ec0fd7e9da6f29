import json
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.endpoint_provider import EndpointProvider
from hypothesis import given
from hypothesis import strategies as st

from keyturn import sigv4

REGION = {"AWS_REGION": "eu-central-1"}

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
names = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)
hosts = names | st.sampled_from(["127.0.0.1", "[::1]", "[2001:db8::7]"])
ports = st.none() | st.integers(1, 65535)
urls = st.builds(
    lambda scheme, host, port: f"{scheme}://{host}{'' if port is None else f':{port}'}",
    st.sampled_from(["http", "https"]),
    hosts,
    ports,
)
moments = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9999, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def signed_by_botocore(
    url: str, region: str, body: bytes, credentials: sigv4.Credentials, at: datetime
) -> AWSRequest:
    request = AWSRequest(
        "POST",
        f"{url}/",
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
        },
        data=body,
    )
    known = BotocoreCredentials(
        credentials.access_key, credentials.secret_key, credentials.token or None
    )
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=at):
        SigV4Auth(known, "dynamodb", region).add_auth(request)
    return request


@given(
    url=urls,
    region=st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "local"]),
    body=st.binary(min_size=1, max_size=300),
    credentials=st.builds(sigv4.Credentials, printable, printable, st.just("") | printable),
    at=moments,
)
def test_signature_equals_botocores(
    url: str, region: str, body: bytes, credentials: sigv4.Credentials, at: datetime
) -> None:
    theirs = signed_by_botocore(url, region, body, credentials, at)
    signer = sigv4.Signer(sigv4.endpoint({"AWS_REGION": region, "AWS_ENDPOINT_URL": url}))

    ours = signer.headers(body, credentials, at.timestamp())

    assert ours["Authorization"] == theirs.headers["Authorization"]
    assert {name: ours[name] for name in theirs.headers} == dict(theirs.headers.items())


def test_signing_key_is_that_of_the_day_and_of_the_secret() -> None:
    url = "https://dynamodb.eu-central-1.amazonaws.com"
    signer = sigv4.Signer(sigv4.endpoint(REGION))
    midnight = datetime(2027, 1, 1, tzinfo=UTC)
    first, second = sigv4.Credentials("A", "one", ""), sigv4.Credentials("A", "two", "")
    order = product((first, second, first), (midnight, midnight - timedelta(seconds=1)))

    for credentials, at in order:
        theirs = signed_by_botocore(url, "eu-central-1", b"{}", credentials, at)
        ours = signer.headers(b"{}", credentials, at.timestamp())
        assert ours["Authorization"] == theirs.headers["Authorization"]


def known_regions() -> list[str]:
    data = json.loads(
        (Path(botocore.session.__file__).parent / "data" / "partitions.json").read_bytes()
    )
    return [
        region
        for partition in data["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")  # stands for a partition, no place
    ]


@pytest.mark.parametrize("fips", ["false", "true"], ids="fips-{}".format)
@pytest.mark.parametrize("dual_stack", ["false", "true"], ids="dual-stack-{}".format)
def test_every_region_has_the_endpoint_botocore_gives_it(fips: str, dual_stack: str) -> None:
    loader = botocore.session.Session().get_component("data_loader")
    rules = loader.load_service_model("dynamodb", "endpoint-rule-set-1")
    provider = EndpointProvider(rules, loader.load_data("partitions"))
    regions = known_regions()
    assert len(regions) > 40

    for region in regions:
        theirs = provider.resolve_endpoint(
            Region=region, UseFIPS=fips == "true", UseDualStack=dual_stack == "true"
        )
        ours = sigv4.endpoint(
            {
                "AWS_REGION": region,
                "AWS_USE_FIPS_ENDPOINT": fips,
                "AWS_USE_DUALSTACK_ENDPOINT": dual_stack,
            }
        )
        assert (f"https://{ours.host}", ours.port) == (theirs.url, 443)
        assert ours.region == region


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_ENDPOINT_URL": "http://everything.example:8000"},
        {"AWS_ENDPOINT_URL": "https://everything.example/"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "https://one.example:443"},
        {"AWS_ENDPOINT_URL": "http://all.example", "AWS_ENDPOINT_URL_DYNAMODB": "http://[::1]:80"},
        {"AWS_ENDPOINT_URL": "http://all.example", "AWS_ENDPOINT_URL_DYNAMODB": ""},
        {"AWS_ENDPOINT_URL": ""},
        {
            "AWS_ENDPOINT_URL": "http://all.example",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        },
        {
            "AWS_ENDPOINT_URL_DYNAMODB": "http://one.example",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True",
            "AWS_USE_DUALSTACK_ENDPOINT": "TRUE",
        },
        {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "false"},
    ],
    ids=lambda variables: ",".join(f"{k}={v}" for k, v in variables.items()) or "none",
)
def test_endpoint_variables_mean_what_they_mean_to_botocore(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", **variables}.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.Session().create_client("dynamodb")
    parts = urlsplit(client.meta.endpoint_url)

    ours = sigv4.endpoint({"AWS_DEFAULT_REGION": "eu-central-1", **variables})

    assert (ours.name, ours.secure) == (parts.hostname, parts.scheme == "https")
    assert ours.port == (parts.port or {"http": 80, "https": 443}[parts.scheme])


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"AWS_REGION": ""}, "AWS_REGION"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "AWS_REGION and AWS_DEFAULT_REGION"),
        ({"AWS_REGION": "eu central 1"}, "AWS_REGION"),
        ({"AWS_REGION": "moon"}, "AWS_REGION"),
        ({"AWS_REGION": "aws-global"}, "AWS_REGION"),
        ({"AWS_REGION": "us-gov-east-1-fips"}, "AWS_REGION"),
        ({"AWS_REGION": "xx-newland-1"}, "AWS_REGION"),
        ({"AWS_USE_FIPS_ENDPOINT": "yes"}, "AWS_USE_FIPS_ENDPOINT"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "1"}, "AWS_USE_DUALSTACK_ENDPOINT"),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "on"}, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"}, "AWS_ACCOUNT_ID_ENDPOINT_MODE"),
        ({"AWS_ENDPOINT_URL": "dynamodb.example"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "ftp://dynamodb.example"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://dynamodb..example"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": f"http://{'a' * 64}.example"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://user:word@dynamodb.example"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://dynamodb.example/path"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://dynamodb.example?query"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://dynamodb.exämple"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_USE_FIPS_ENDPOINT": "true"}, "AWS_ENDPOINT_URL"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
            "AWS_ENDPOINT_URL",
        ),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "HTTPS_PROXY"),
        ({"https_proxy": "http://proxy.example:3128", "NO_PROXY": "example.com"}, "HTTPS_PROXY"),
        ({"http_proxy": "http://proxy.example", "AWS_ENDPOINT_URL": "http://a"}, "HTTP_PROXY"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(map("=".join, value.items())),
)
def test_what_is_not_done_is_refused_and_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        sigv4.endpoint({**REGION, **variables})

    assert "word" not in str(refused.value)


@pytest.mark.parametrize("spared", ["*", "amazonaws.com", "169.254.169.254, .amazonaws.com"])
def test_proxy_for_everybody_else_is_no_reason_to_refuse(spared: str) -> None:
    environ = {**REGION, "HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": spared}

    assert sigv4.endpoint(environ).name == "dynamodb.eu-central-1.amazonaws.com"
