"""Every view, for whoever looks at it and however: axe finds nothing, nothing is cut off."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from infra.local.stack import Stack
from tests.browser.app import App
from tests.browser.conftest import Opens
from tests.support_console import AXE

pytestmark = pytest.mark.prove

AUDIT = """async () => (await axe.run({
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
})).violations.map((each) => `${each.id} (${each.impact}): ${each.nodes.map((node) =>
  `${node.target} ${node.any.map((check) => check.message)}`).join('; ')}`)"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NARROW = {"width": 380, "height": 780}
LONG = f"an-alias-as-long-as-it-may-be-{'x' * 98}"


@pytest.fixture(scope="module")
def ids(stack: Stack) -> dict[str, str]:
    """Keys in each state; their ids by alias."""

    headers = {"X-API-Key": stack.admin_key}
    api = httpx.Client(base_url=f"{stack.url}/api/apikey", headers=headers)

    def make(alias: str, **fields: Any) -> str:  # noqa: ANN401 - any JSON
        answer = api.post("", json={"alias": alias, "name": alias, **fields})
        assert answer.status_code < 300, answer.text
        return str(answer.json()["id"])

    made = {alias: make(alias) for alias in ("v-revoked", "v-grace", LONG)}
    made["v-long"] = made.pop(LONG)
    rich = {"roles": ["admin", "user"], "metadata": {"team": "a" * 120}}
    made["v-rich"] = make("v-rich", **rich, ttl_days=90, rotate_every_days=30)
    api.delete(f"/{made['v-revoked']}", params={"reason": "compromised"})
    api.post(f"/{made['v-grace']}/rotate")
    api.close()
    return made


def views(app: App, ids: dict[str, str], key: str) -> Iterator[str]:
    """Show one view after the other, and name each."""
    page = app.page
    expect(app.heading("Sign in to Keyturn")).to_be_visible()
    yield "sign in"
    app.sign_in("kt_nonsense")
    expect(page.get_by_text("This key is not accepted.")).to_be_visible()
    yield "refused"
    app.sign_in(key)
    expect(app.heading("Overview")).to_be_visible()
    expect(app.heading("Recently changed")).to_be_visible()
    yield "overview"
    app.go("/keys")
    expect(app.rows().first).to_be_visible()
    yield "keys"
    page.get_by_label("Search keys").fill("nothing of that kind")
    expect(app.heading("No key like that")).to_be_visible()
    yield "nothing found"
    page.get_by_label("Search keys").fill("v-revoked")
    app.button("Actions for v-revoked").click()
    expect(page.get_by_role("menu")).to_be_visible()
    yield "menu"
    page.keyboard.press("Escape")
    for alias, id in ids.items():
        app.go(f"/keys/{id}")
        expect(app.heading("Strings")).to_be_visible()
        expect(page.get_by_text("Key Created")).to_be_visible()
        yield f"key {alias}"
    app.go(f"/keys/{ids['v-grace']}")
    app.button("Rotate").click()
    yield "rotate"
    app.in_dialog("Cancel").click()
    app.button("Revoke").click()
    yield "revoke"
    app.in_dialog("Cancel").click()
    app.go(f"/keys/{ids['v-rich']}")
    app.button("Renew").click()
    app.dialog.get_by_label("Other").check()
    yield "renew"
    app.in_dialog("Renew key").click()
    app.shown()
    app.in_dialog("Done").click()
    expect(app.dialog.get_by_text("It was not copied")).to_be_visible()
    yield "the key"
    app.close_shown()
    app.go("/api")
    expect(app.heading("API")).to_be_visible()
    page.wait_for_load_state("networkidle")
    yield "the API"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, NARROW], ids=["wide", "narrow"])
def test_view_is_for_everyone(
    opens: Opens, stack: Stack, ids: dict[str, str], theme: str, viewport: dict[str, int] | None
) -> None:
    size = {"viewport": viewport} if viewport else {}
    app = opens(color_scheme=theme, **size)
    app.page.evaluate(AXE.read_text("utf-8"))
    found = {}
    for view in views(app, ids, stack.admin_key):
        found[view] = [*app.evaluate(AUDIT)]
        if app.evaluate(OVERFLOW) > 0:
            found[view].append("it has to be scrolled sideways")

    wrong = [f"{view}: {each}" for view, some in found.items() for each in some]
    assert not wrong, "\n".join(wrong)
    assert len(found) == 15


def test_chosen_theme_is_kept_and_the_system_s_is_followed_without(
    opens: Opens, stack: Stack
) -> None:
    app = opens(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = app.evaluate(paper)
    app.button("Theme: system. Change it").click()
    light = app.evaluate(paper)
    app.page.reload()
    expect(app.button("Theme: light. Change it")).to_be_visible()
    assert app.evaluate(paper) == light != dark
    app.button("Theme: light. Change it").click()
    app.button("Theme: dark. Change it").click()
    assert app.evaluate(paper) == dark
    assert app.evaluate("localStorage.length") == 0
    app.sign_in(stack.admin_key)


def test_keyboard_is_enough(app: App, api: httpx.Client) -> None:
    api.post("", json={"alias": "by keyboard", "name": "n"})
    press = app.page.keyboard.press
    app.go("/keys")
    app.button("Refresh").click()
    press("/")
    expect(app.page.get_by_label("Search keys")).to_be_focused()
    app.page.keyboard.type("by keyboard")
    expect(app.rows()).to_have_count(1)

    actions = app.button("Actions for by keyboard")
    actions.focus()
    press("Enter")
    expect(app.page.get_by_role("menuitem", name="Renew")).to_be_focused()
    press("ArrowDown")
    press("ArrowDown")
    expect(app.page.get_by_role("menuitem", name="Revoke")).to_be_focused()
    press("Escape")
    expect(actions).to_be_focused()
    press("Enter")
    press("ArrowUp")
    press("Enter")
    expect(app.heading("Revoke by keyboard?")).to_be_visible()
    for _ in range(12):  # the focus stays in the dialog, or goes to the browser's own controls
        press("Tab")
        assert app.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    press("Escape")
    expect(app.dialog).to_have_count(0)
    expect(actions).to_be_focused()

    app.page.get_by_role("link", name="by keyboard").focus()
    press("Enter")
    expect(app.page.get_by_role("main")).to_be_focused()
    app.page.get_by_role("link", name="Skip to the content").focus()
    press("Enter")
    expect(app.page.get_by_role("main")).to_be_focused()


@pytest.mark.row("T15")
def test_policy_s_watch_sees_what_breaks_it(opens: Opens) -> None:
    """That no test sees a breach says something only if one would be seen."""
    app = opens()
    app.page.evaluate("document.body.setAttribute('style', 'color: red')")
    app.page.evaluate("document.head.append(document.createElement('style'))")
    app.page.evaluate("new Image().src = 'http://127.0.0.1:9/elsewhere.png'")
    app.page.evaluate("try { document.body.innerHTML = '<b>x</b>' } catch {}")
    app.page.wait_for_timeout(200)

    assert {said.split()[0] for said in app.broken} >= {"style-src-attr", "img-src"}
    assert any("require-trusted-types-for" in said for said in app.broken)
    assert app.errors
    app.broken.clear()
    app.errors.clear()
    app.requests.clear()
