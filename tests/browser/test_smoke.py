"""What the console is for, once through."""

import httpx
import pytest
from playwright.sync_api import expect

from infra.local.stack import Stack
from tests.browser.app import App
from tests.browser.conftest import Opens

pytestmark = pytest.mark.prove

MARKUP = "<img src=x onerror=document.title='run'>"


def test_key_is_created_copied_rotated_and_revoked(app: App, api: httpx.Client) -> None:
    first = app.create("billing", "Billing")
    app.button("Copy the key").click()
    assert app.evaluate("navigator.clipboard.readText()") == first
    app.in_dialog("Done").click()
    expect(app.page.get_by_text("billing is created.")).to_be_visible()
    app.go("/keys")
    app.page.get_by_role("link", name="billing").click()
    expect(app.heading("billing")).to_be_visible()

    app.button("Rotate").click()
    app.in_dialog("Rotate key").click()
    second = app.shown()
    app.close_shown()
    app.button("Revoke").click()
    app.dialog.get_by_label("Reason").select_option("superseded")
    app.in_dialog("Revoke key").click()
    expect(app.page.get_by_text("billing is revoked.")).to_be_visible()
    expect(app.page.get_by_text(": superseded.")).to_be_visible()
    for happened in ("Key Created", "Key Rotated", "Key Revoked"):
        expect(app.page.get_by_role("listitem").filter(has_text=happened)).to_be_visible()

    assert first != second
    # What was shown is nowhere once it is closed; and it is what the service says it is.
    assert not {first, second} & set(app.page.content().replace('"', " ").split())
    (item,) = api.get("", params={"alias_prefix": "billing"}).json()["items"]
    assert (item["generation"], item["revoke_reason"]) == (2, "superseded")
    assert second.endswith(item["hint"][-4:])


def test_reload_forgets_the_key(app: App) -> None:
    expect(app.heading("Overview")).to_be_visible()

    app.page.reload()

    expect(app.heading("Sign in to Keyturn")).to_be_visible()
    assert app.page.get_by_label("Admin key").input_value() == ""


def test_key_that_is_no_admin_s_or_none_at_all_is_told_so(
    opens: Opens, api: httpx.Client, stack: Stack
) -> None:
    body = {"alias": "reader", "name": "Reader", "roles": ["user"]}
    reader = api.post("", json=body).json()["key"]
    app = opens()

    for key in ("kt_nonsense", stack.admin_key[:-1] + "x", "a b"):
        app.sign_in(key)
        expect(app.page.get_by_role("alert").get_by_text("is not accepted")).to_be_visible()
    app.sign_in(reader)
    expect(app.page.get_by_text("valid, but no admin's")).to_be_visible()
    expect(app.page.get_by_text("reader has the roles user")).to_be_visible()
    app.sign_in(stack.admin_key)
    expect(app.heading("Overview")).to_be_visible()


def test_alias_that_is_markup_is_text(app: App, api: httpx.Client) -> None:
    body = {"alias": MARKUP, "name": MARKUP, "metadata": {MARKUP: MARKUP}}
    id = api.post("", json=body).json()["id"]
    app.go("/keys")
    app.button("Refresh").click()
    for view in ("/overview", "/keys", f"/keys/{id}"):
        app.go(view)
        expect(app.page.get_by_role("main").get_by_text(MARKUP).first).to_be_visible()
        assert app.page.locator("img[src=x]").count() == 0
    app.button("Revoke").click()
    expect(app.heading(f"Revoke {MARKUP}?")).to_be_visible()

    assert app.page.title() == f"{MARKUP} · Keyturn"
