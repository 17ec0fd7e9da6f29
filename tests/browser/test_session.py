"""How a session ends, and what is not lost by it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Route, expect

from infra.local.stack import Stack
from tests.browser.app import App
from tests.browser.conftest import Opens
from tests.browser.demo import set_back

pytestmark = pytest.mark.prove

ADMIN = {"name": "An admin", "roles": ["admin"], "ttl_days": 1}


@pytest.fixture
def other(opens: Opens, api: httpx.Client, request: pytest.FixtureRequest) -> tuple[App, str]:
    """The console, signed in with an admin key that the test may spoil; and that key's id."""
    made = api.post("", json=ADMIN | {"alias": request.node.name}).json()
    app = opens()
    app.page.clock.install()
    app.sign_in(made["key"])
    expect(app.heading("Overview")).to_be_visible()
    return app, made["id"]


def begin(app: App, alias: str) -> None:
    app.button("Create key").first.click()
    app.dialog.get_by_label("Alias").fill(alias)
    app.dialog.get_by_label("Name", exact=True).fill("Half a name")
    app.dialog.get_by_label("creator").check()


def assert_kept(app: App, alias: str) -> None:
    expect(app.dialog.get_by_label("Alias")).to_have_value(alias)
    expect(app.dialog.get_by_label("Name", exact=True)).to_have_value("Half a name")
    expect(app.dialog.get_by_label("creator")).to_be_checked()


def test_idle_session_ends_after_a_warning_and_activity_prolongs_it(other: tuple[App, str]) -> None:
    app, _ = other
    begin(app, "idle")

    app.page.clock.run_for(14 * 60_000 + 10_000)
    expect(app.page.get_by_text("Nobody there?")).to_be_visible()
    app.page.keyboard.press("Shift")
    expect(app.page.get_by_text("Nobody there?")).to_be_hidden()
    app.page.clock.run_for(14 * 60_000)
    expect(app.heading("Create a key")).to_be_visible()
    app.page.clock.run_for(61_000)

    expect(
        app.page.get_by_text("Signed out after 15 minutes without a sign of you")
    ).to_be_visible()
    assert app.dialog.count() == 0


def test_idle_session_takes_a_key_off_the_screen(other: tuple[App, str]) -> None:
    app, _ = other
    key = app.create("seen by nobody")

    app.page.clock.run_for(15 * 60_000 + 1_000)

    expect(app.page.get_by_text("The key that was on the screen is hidden")).to_be_visible()
    assert key not in app.page.content()


def test_computer_that_slept_is_not_woken_up_to_an_open_session(other: tuple[App, str]) -> None:
    app, _ = other

    app.page.clock.pause_at(datetime.now(UTC) + timedelta(hours=8))  # no timer has run meanwhile
    app.page.mouse.move(300, 300)

    expect(app.page.get_by_text("Signed out after 15 minutes")).to_be_visible()


def test_new_key_outlives_the_session_but_not_the_absence(
    other: tuple[App, str], api: httpx.Client
) -> None:
    app, id = other
    key = app.create("made by the last act")
    api.delete(f"/{id}")
    app.go(f"/keys/{id}")
    expect(app.page.get_by_text("Your key is no longer accepted")).to_be_visible()
    app.in_dialog("Copy the key").click()
    assert app.evaluate("navigator.clipboard.readText()") == key

    app.page.clock.run_for(15 * 60_000 + 1_000)

    expect(app.dialog).to_have_count(0)
    assert key not in app.page.content()


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_admin_key_that_ends_in_mid_session_costs_a_sign_in_and_nothing_else(
    other: tuple[App, str], api: httpx.Client, stack: Stack, how: str
) -> None:
    app, id = other
    alias = f"half done, {how}"
    begin(app, alias)
    if how == "revoked":
        assert api.delete(f"/{id}").status_code == 200
        app.in_dialog("Create key").click()
        expect(app.page.get_by_text("Your key is no longer accepted")).to_be_visible()
    else:
        with set_back(-1.01):
            app.in_dialog("Create key").click()
            expect(app.page.get_by_text("Your key is no longer accepted")).to_be_visible()
    expect(app.page.get_by_text("what you were filling in is kept")).to_be_visible()
    assert api.get("", params={"alias_prefix": alias}).json()["items"] == []

    app.sign_in(stack.admin_key)

    assert_kept(app, alias)
    app.in_dialog("Create key").click()
    assert app.shown()
    app.close_shown()


@pytest.mark.row("T15")
def test_who_signs_out_leaves_nothing_behind(other: tuple[App, str]) -> None:
    app, _ = other
    begin(app, "left alone")
    app.in_dialog("Cancel").click()
    app.button("Sign out").click()

    expect(app.heading("Sign in to Keyturn")).to_be_visible()
    assert app.page.get_by_role("status").filter(has_text="Signed out").count() == 0


def test_session_goes_on_with_the_new_string_of_its_own_key(other: tuple[App, str]) -> None:
    app, id = other
    app.go(f"/keys/{id}")
    app.button("Rotate").click()
    app.dialog.get_by_label("Grace").select_option("0")
    app.in_dialog("Rotate key").click()
    app.shown()
    app.close_shown()

    app.go("/keys")
    app.button("Refresh").click()

    expect(app.rows().first).to_be_visible()
    expect(app.page.get_by_text("no longer accepted")).to_have_count(0)


def test_revoking_ones_own_key_is_said_before_and_after(other: tuple[App, str]) -> None:
    app, id = other
    app.go(f"/keys/{id}")
    app.button("Revoke").click()
    expect(app.dialog.get_by_text("This is the key you are signed in with.")).to_be_visible()
    app.in_dialog("Revoke key").click()

    expect(app.page.get_by_text("is revoked: the key you were signed in with")).to_be_visible()


def lost_once(app: App, pattern: str, method: str) -> None:
    """Let the first such request reach the service, and its answer get lost."""
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if route.request.method != method or lost:
            route.fallback()
            return
        lost.append(route)
        route.fetch()
        route.abort("connectionreset")

    app.page.route(pattern, lose)


def test_rotation_whose_answer_is_lost_is_asked_for_again_and_done_once(
    app: App, api: httpx.Client
) -> None:
    id = api.post("", json={"alias": "lost rotation", "name": "n"}).json()["id"]
    lost_once(app, "**/rotate", "POST")
    app.go(f"/keys/{id}")
    app.button("Rotate").click()
    app.in_dialog("Rotate key").click()
    expect(app.dialog.get_by_text("to try again is safe")).to_be_visible()
    app.button("Try again").click()

    shown = app.shown()

    item = api.get(f"/{id}").json()
    assert item["generation"] == 2
    assert shown.endswith(item["hint"][-4:])
    app.close_shown()


def test_revocation_whose_answer_is_lost_is_found_done(app: App, api: httpx.Client) -> None:
    id = api.post("", json={"alias": "lost revocation", "name": "n"}).json()["id"]
    lost_once(app, f"**/{id}?reason*", "DELETE")
    app.go(f"/keys/{id}")
    app.button("Revoke").click()
    app.in_dialog("Revoke key").click()
    app.button("Try again").click()

    expect(app.page.get_by_text("lost revocation is revoked.")).to_be_visible()
    assert api.get(f"/{id}").json()["status"] == "revoked"
