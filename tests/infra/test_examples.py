"""The example stack: its APIs, asked as callers do, with the real authorizer behind them."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import create_key
import revoke_key
from keyturn import keytext
from tests.infra.attached import Attached
from tests.infra.declared import ROOT, deployed, written
from tests.support import NOW, Clock, answer, delete, post
from tests.support_authorizer import authorizer
from tests.support_aws import Aws, refused

TEMPLATE = ROOT / "examples/template.yaml"
APIS = ["RestApi", "HttpApi"]
HEADERS = ["X-API-Key", "Authorization"]
ASKED = [("GET", "/things"), ("POST", "/things"), ("GET", "/things/7"), ("GET", "/things/8")]
KEPT = 60


def named(header: str, folder: Path) -> Path:
    """Return the example's template with the header that its owner named."""
    text = TEMPLATE.read_text()
    assert text.count("Headers: [X-API-Key]") == 1
    path = folder / "template.yaml"
    path.write_text(text.replace("Headers: [X-API-Key]", f"Headers: [{header}]"))
    return path


def backend() -> Any:  # noqa: ANN401 - a handler
    function = deployed(TEMPLATE)["ThingsFunction"]["Properties"]
    module, _, name = function["Handler"].rpartition(".")
    path = ROOT / f"examples/handlers/{module}.py"
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


@pytest.fixture(scope="session", params=HEADERS)
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return named(request.param, tmp_path_factory.mktemp("example"))


@pytest.fixture(params=APIS)
def api(
    request: pytest.FixtureRequest,
    template: Path,
    aws: Aws,  # noqa: ARG001 - what the authorizer reads from
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Attached:
    body = deployed(template)[request.param]["Properties"]["Body"]
    return Attached(body, authorizer(monkeypatch, "*"), backend(), clock)


def made(roles: list[str], alias: str = "caller") -> str:
    body = {"alias": alias, "name": "Caller", "roles": roles}
    return str(answer(create_key.handler, post(body)).body["key"])


@pytest.fixture
def key(aws: Aws) -> str:
    key = made(["creator"])
    aws.forget()
    return key


def holding(key: str, header: str) -> dict[str, str]:
    return {header: f"Bearer {key}" if header == "Authorization" else key}


def outcomes(api: Attached, key: str) -> set[int]:
    """Return the statuses that a key meets over all routes."""
    return {api.ask(*route, holding(key, api.identity))[0] for route in ASKED}


def test_every_route_of_either_api_lets_a_good_key_in_and_tells_who_calls(
    api: Attached, key: str
) -> None:
    assert {method for method, _ in api.routes} == {"GET", "POST"}
    for route in ASKED:
        status, body = api.ask(*route, holding(key, api.identity))
        assert status == 200
        assert body == {
            "id": keytext.id_of("", "caller"),
            "alias": "caller",
            "roles": "creator",
        }


@pytest.mark.row("T7")
def test_a_kept_answer_is_right_for_every_other_route(api: Attached, key: str, aws: Aws) -> None:
    assert outcomes(api, key) == {200}

    assert api.answers == 1
    assert aws.calls == ["GetItem"]


def test_what_a_role_may_do_is_the_backends_to_say(api: Attached) -> None:
    key = made(["user"], "reader")

    statuses = {route: api.ask(*route, holding(key, api.identity))[0] for route in ASKED}

    assert statuses == {route: 403 if route[0] == "POST" else 200 for route in ASKED}
    assert api.answers == 1


def test_a_request_without_the_named_header_is_refused_by_the_gateway(
    api: Attached, key: str, aws: Aws
) -> None:
    (other,) = {*HEADERS} - {api.identity}

    assert api.ask("GET", "/things", {})[0] == 401
    assert api.ask("GET", "/things", {api.identity: ""})[0] == 401
    assert api.ask("GET", "/things", holding(key, other))[0] == 401
    assert (api.answers, aws.calls) == (0, [])


def test_a_second_key_in_the_other_header_is_refused_unless_an_answer_is_kept(
    api: Attached, key: str, clock: Clock
) -> None:
    (other,) = {*HEADERS} - {api.identity}
    second = holding(keytext.mint("kt", "A" * 17).reveal(), other)
    both = holding(key, api.identity) | second

    assert api.ask("GET", "/things", both)[0] == (401 if api.is_rest else 403)
    clock.now += KEPT
    assert outcomes(api, key) == {200}
    assert api.ask("GET", "/things", both)[0] == 200
    # Never the other way about: what is let in is what stands in the named header.
    swapped = holding(key, other) | {api.identity: next(iter(second.values()))}
    assert api.ask("GET", "/things", swapped)[0] in {401, 403}


@pytest.mark.parametrize(
    "text", ["nonsense", keytext.mint("kt", "A" * 17).reveal()], ids=["malformed", "unknown"]
)
def test_a_bad_key_is_refused_as_its_kind_of_api_says_it(api: Attached, text: str) -> None:
    """An HTTP API knows no difference between a bad key and one that may not."""
    assert outcomes(api, text) == {401 if api.is_rest else 403}


@pytest.mark.row("T6")
def test_a_revoked_key_lives_on_for_as_long_as_an_answer_is_kept(
    api: Attached, key: str, clock: Clock
) -> None:
    assert outcomes(api, key) == {200}
    answer(revoke_key.handler, delete(key))

    clock.now = NOW + KEPT - 1
    assert outcomes(api, key) == {200}
    clock.now = NOW + KEPT
    assert outcomes(api, key) == {401 if api.is_rest else 403}


def test_a_revoked_key_that_was_not_seen_before_is_refused_at_once(api: Attached, key: str) -> None:
    answer(revoke_key.handler, delete(key))

    assert outcomes(api, key) == {401 if api.is_rest else 403}


def test_only_an_http_api_keeps_that_a_key_was_bad(api: Attached, key: str, clock: Clock) -> None:
    answer(revoke_key.handler, delete(key))
    outcomes(api, key)

    made(["creator"])

    assert outcomes(api, key) == {200 if api.is_rest else 403}
    clock.now = NOW + KEPT
    assert outcomes(api, key) == {200}


def test_a_key_that_lacks_a_role_goes_on_lacking_it_for_as_long_as_an_answer_is_kept(
    template: Path, clock: Clock, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.calls == []
    for name in APIS:
        body = deployed(template)[name]["Properties"]["Body"]
        api = Attached(body, authorizer(monkeypatch, "admin"), backend(), clock)
        key = made(["user"], name)
        assert outcomes(api, key) == {403}
        assert api.answers == 1

        made(["admin", "creator"], name)

        assert outcomes(api, key) == {403}
        clock.now += KEPT
        assert outcomes(api, key) == {200}


def test_what_cannot_be_known_is_no_refusal_and_is_not_kept(
    api: Attached, key: str, aws: Aws
) -> None:
    aws.always("GetItem", refused("AccessDeniedException"))
    assert outcomes(api, key) == {503 if api.is_rest else 500}

    aws.heal()

    assert outcomes(api, key) == {200}


# the template


def test_the_example_attaches_what_keyturns_stack_exports(template: Path) -> None:
    export = written()["Outputs"]["SharedAuthorizerAliasArn"]["Export"]["Name"]
    assert export == ("Sub", "${AWS::StackName}-SharedAuthorizerAliasArn")
    for name in APIS:
        body = deployed(template)[name]["Properties"]["Body"]
        (scheme,) = body["components"]["securitySchemes"].values()
        asked = scheme["x-amazon-apigateway-authorizer"]
        uri, names = asked["authorizerUri"]["Fn::Sub"]
        imported = names["__FunctionArn__"]["Fn::ImportValue"]["Fn::Sub"]
        stack = imported.removesuffix("-SharedAuthorizerAliasArn")
        assert stack in {"keyturn", "${KeyturnStack}"}
        assert "functions/${__FunctionArn__}/invocations" in uri
        assert (asked["type"], asked["authorizerResultTtlInSeconds"]) == ("request", KEPT)


def test_the_example_gives_no_permission_of_its_own_to_the_authorizer(template: Path) -> None:
    permissions = [
        resource["Properties"]
        for resource in deployed(template).values()
        if resource["Type"] == "AWS::Lambda::Permission"
    ]
    assert {p["FunctionName"]["Ref"] for p in permissions} == {"ThingsFunction"}
    assert not [p for p in permissions if "authorizers" in str(p["SourceArn"])]


@pytest.mark.prove
def test_the_example_is_a_template_that_deploys() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([linter, "--", TEMPLATE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_its_readme_says_to_call_exists() -> None:
    readme = (ROOT / "examples/README.md").read_text()
    outputs = re.findall(r"^  (\w+):$", TEMPLATE.read_text().partition("Outputs:")[2], re.MULTILINE)
    assert [name for name in outputs if name not in readme] == []
    assert {*re.findall(r"\$(?:REST|HTTP)(/\S*)", readme)} <= {path for _, path in ASKED}


@pytest.mark.parametrize("page", ["examples/README.md", "docs/revocation.md"])
def test_what_a_page_links_to_exists(page: str) -> None:
    links = re.findall(r"\]\(([^):#]+)\)", (ROOT / page).read_text())

    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_page_on_revocation_says_what_the_settings_are() -> None:
    page = (ROOT / "docs/revocation.md").read_text()
    seconds = written()["Parameters"]["VerifyCacheSeconds"]

    assert f"`VerifyCacheSeconds: m`, 1 to {seconds['MaxValue']}" in page
    assert seconds["Default"] == 0
