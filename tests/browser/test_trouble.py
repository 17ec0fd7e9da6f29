"""What is shown when something is in the way, and that one can go on from there."""

import json
from functools import partial

import httpx
import pytest
from playwright.sync_api import Route, expect

from infra.local.stack import Stack
from tests.browser.app import App
from tests.browser.conftest import Opens, answered
from tests.e2e.served import served
from tests.faults.wire import refused
from tests.infra.declared import resolved

pytestmark = pytest.mark.prove

LIST = "**/api/apikey?*"


def test_offline_is_said_and_the_way_back_is_one_button(app: App) -> None:
    app.go("/keys")
    expect(app.rows().first).to_be_visible()
    app.page.context.set_offline(offline=True)
    app.button("Refresh").click()
    expect(app.page.get_by_text("This computer is offline.")).to_be_visible()
    expect(app.rows().first).to_be_visible()  # what was read is still there

    app.page.context.set_offline(offline=False)
    app.button("Try again").click()

    expect(app.page.get_by_text("This computer is offline.")).to_have_count(0)


def test_database_that_does_not_answer_is_said_and_waited_for(opens: Opens) -> None:
    with served("console") as service:
        app = opens(service.stack.url)
        app.sign_in(service.stack.admin_key)
        expect(app.heading("Overview")).to_be_visible()
        app.go("/keys")
        service.wire.always("Query", refused("InternalServerError", 500))
        app.button("Refresh").click()

        expect(app.page.get_by_text("Service unavailable, try again.")).to_be_visible()
        expect(app.button("Try again in 2 s")).to_be_disabled()
        service.wire.heal()
        app.button("Try again").click()
        expect(app.page.get_by_text("Service unavailable")).to_have_count(0)
        expect(app.rows()).to_have_count(1)


def test_throttle_is_said_and_waited_for(app: App) -> None:
    said = resolved("AWS::Serverless::Api")["Api"]["GatewayResponses"]["THROTTLED"]
    body = said["ResponseTemplates"]["application/json"].replace("$context.extendedRequestId", "r")
    app.go("/keys")
    with answered(app.page, LIST, status=429, body=body, headers={"Retry-After": "1"}):
        app.button("Refresh").click()
        expect(app.page.get_by_text("Too many requests, try again.")).to_be_visible()
    app.button("Try again").click()
    expect(app.page.get_by_text("Too many requests")).to_have_count(0)


@pytest.mark.parametrize("status", [200, 502, 403, 401])
def test_answer_that_is_none_of_the_service_s_is_no_answer(app: App, status: int) -> None:
    app.go("/keys")
    expect(app.rows().first).to_be_visible()
    with answered(app.page, LIST, status=status, body="<h1>A proxy</h1>", content_type="text/html"):
        app.button("Refresh").click()
        expect(app.page.get_by_text(f"not Keyturn's ({status})")).to_be_visible()
    expect(app.rows().first).to_be_visible()


def test_refused_field_is_shown_at_the_field_and_roles_are_learnt(app: App) -> None:
    app.button("Create key").first.click()
    app.in_dialog("Create key").click()
    expect(app.dialog.get_by_text("Alias is required.")).to_be_visible()
    app.dialog.get_by_label("Alias").fill("refused")
    app.in_dialog("Create key").click()
    expect(app.dialog.get_by_text("Name is required.")).to_be_visible()
    app.dialog.get_by_label("Name", exact=True).fill("Refused")
    app.dialog.get_by_label("Other").check()
    app.dialog.get_by_label("Days of validity").fill("999")
    app.in_dialog("Create key").click()
    expect(app.dialog.get_by_text("Must be an integer from 1 to 365.")).to_be_visible()
    expect(app.dialog.get_by_role("alert")).to_have_count(0)
    app.dialog.get_by_label("Default").check()
    said = {
        "error": "roles must be a subset of ['admin', 'reader']",
        "code": "roles_invalid",
        "request_id": "r",
    }
    app.dialog.get_by_label("user").check()
    with answered(app.page, "**/api/apikey", status=400, body=json.dumps(said)):
        app.in_dialog("Create key").click()
        expect(app.dialog.get_by_label("reader")).to_be_visible()
    expect(app.dialog.get_by_label("user", exact=True)).to_have_count(0)
    app.in_dialog("Create key").click()
    assert app.shown()
    app.close_shown()


def test_alias_that_has_a_key_is_renewed_only_after_it_was_said(
    app: App, api: httpx.Client
) -> None:
    made = api.post("", json={"alias": "taken", "name": "Before"}).json()
    app.button("Create key").first.click()
    app.dialog.get_by_label("Alias").fill("  taken ")
    app.dialog.get_by_label("Name", exact=True).fill("After")
    app.in_dialog("Create key").click()
    expect(app.dialog.get_by_text("taken has a key already")).to_be_visible()
    assert api.get(f"/{made['id']}").json()["name"] == "Before"

    app.in_dialog("Renew the existing key").click()

    assert app.shown() == made["key"]
    app.close_shown()


def test_grace_that_runs_is_ended_only_by_force(app: App, api: httpx.Client) -> None:
    id = api.post("", json={"alias": "twice", "name": "n"}).json()["id"]
    api.post(f"/{id}/rotate")
    app.go(f"/keys/{id}")
    app.button("Rotate").click()
    expect(app.dialog.get_by_text("An earlier rotation's grace still runs")).to_be_visible()
    expect(app.in_dialog("Rotate key")).to_be_disabled()

    app.dialog.get_by_text("End it now (force)").click()
    app.in_dialog("Rotate key").click()

    app.shown()
    app.close_shown()
    assert api.get(f"/{id}").json()["generation"] == 3


def test_what_cannot_be_done_with_a_key_is_not_offered(app: App, api: httpx.Client) -> None:
    ids = [api.post("", json={"alias": f"ended {n}", "name": "n"}).json()["id"] for n in "ab"]
    api.delete(f"/{ids[0]}", params={"reason": "compromised"})
    api.delete(f"/{ids[1]}")
    app.go(f"/keys/{ids[0]}")
    expect(app.button("Rotate")).to_be_enabled()
    expect(app.button("Renew")).to_be_disabled()
    app.go(f"/keys/{ids[1]}")
    expect(app.button("Renew")).to_be_enabled()
    expect(app.button("Rotate")).to_be_disabled()
    expect(app.button("Revoke")).to_be_disabled()


def test_key_that_there_is_not_is_said_to_be_none(app: App) -> None:
    for id in ("00000000000000000", "self", "..", "%2e%2e%2f", "x/y"):
        app.go(f"/keys/{id}")
        expect(app.heading("There is no such key")).to_be_visible()


def without(prefix: str, route: Route) -> None:
    """Ask the service, which is not told of a stage or a base path."""
    route.fulfill(response=route.fetch(url=route.request.url.replace(prefix, "", 1)))


def test_under_a_stage_and_a_base_path_it_finds_its_files_and_the_api(
    opens: Opens, stack: Stack, api: httpx.Client
) -> None:
    api.post("", json={"alias": "under a path", "name": "n"})
    for prefix in ("/v1", "/keys/console"):
        app = opens(path="about:blank")
        app.page.route(f"{stack.url}{prefix}/**", partial(without, prefix))
        for path in ("/console", "/console/"):
            app.page.goto(f"{stack.url}{prefix}{path}")
            app.sign_in(stack.admin_key)
            app.go("/keys")
            expect(app.page.get_by_text("under a path")).to_be_visible()
        app.page.goto(f"{stack.url}{prefix}/console/api")
        expect(app.heading("API")).to_be_visible()
        assert all(each.url.startswith(f"{stack.url}{prefix}/") for each in app.requests[1:])
