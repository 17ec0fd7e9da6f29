"""How much is loaded, and how fast much is drawn."""

import json
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from keyturn import keytext, row
from keyturn.keys import DAY
from tests.browser.app import App
from tests.browser.conftest import Opens
from tests.e2e.served import Service, served
from tests.support import NOW, api_key

pytestmark = pytest.mark.prove

FIRST_LOAD = 150_000  # bytes as transferred, headers included
AFTER_THE_DATA = 300  # milliseconds until 1,000 keys are drawn
# From the last byte of the last page, or since it was asked for, until the browser has painted.
WATCH = """
new MutationObserver(() => {
  if (window.drawn || !document.querySelector('.count[data-keys]:not([data-keys=""])')) return;
  window.drawn = 'soon';
  requestAnimationFrame(() => setTimeout(() => {
    const pages = performance.getEntriesByType('resource')
      .filter((each) => each.name.includes('/api/apikey?limit=100'));
    window.drawn = performance.now() - (window.asked ?? pages.at(-1).responseEnd);
  }));
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


@pytest.fixture(scope="module")
def full() -> Iterator[Service]:
    """A service that is to have a thousand keys."""
    with served("weight") as service:
        yield service


def fill(service: Service, count: int) -> None:
    """Put rows as a create puts them."""
    puts = []
    for number in range(count):
        text = keytext.mint("kt", keytext.id_of("", f"service-{number:04}"))
        key = api_key(
            text,
            alias=f"service-{number:04}",
            name=f"Service {number}",
            expires_at=NOW + number * DAY // 9,
            ttl_days=120,
            metadata={"team": "a", "env": "production"},
        )
        puts.append({"PutRequest": {"Item": row.of_key(key, f"create {number}")}})
    for start in range(0, count, 25):
        service.dynamodb.batch_write_item(
            RequestItems={service.stack.table: puts[start : start + 25]}
        )


def drawn(app: App) -> float:
    """Wait until the table is painted, and return how long it took."""
    for _ in range(600):  # Playwright's own waiting evaluates text in the page: its policy forbids
        taken = app.evaluate("window.drawn")
        if isinstance(taken, float | int):
            return taken
        app.page.wait_for_timeout(50)
    raise AssertionError("nothing was drawn in 30 s")


def loaded(opens: Opens, service: Service) -> tuple[App, float]:
    """Return how long the table takes after the last page."""
    app = opens(service.stack.url, "about:blank")
    app.page.add_init_script(WATCH)
    app.page.goto(f"{service.stack.url}/console#/keys")
    app.sign_in(service.stack.admin_key)
    return app, drawn(app)


def anew(app: App) -> float:
    """Return how long the table takes when all of the data is there."""
    app.go("/overview")
    expect(app.heading("Overview")).to_be_visible()
    app.evaluate("window.drawn = null, window.asked = performance.now(), 0")
    app.go("/keys")
    return drawn(app)


def test_thousand_keys_are_drawn_almost_as_fast_as_one(opens: Opens, full: Service) -> None:
    app, _ = loaded(opens, full)
    one = min(anew(app) for _ in range(3))
    fill(full, 999)
    app, after = loaded(opens, full)
    # The best of some: whoever else the machine works for does not count.
    many = min(anew(app) for _ in range(8))
    sys.stdout.write(
        f"drawn: 1,000 keys {after:.0f} ms after the data, {many:.0f} ms anew; one {one:.0f} ms\n"
    )

    assert min(after, many) < AFTER_THE_DATA
    # Thirty rows more than one, and not a thousand.
    assert many < 30 * one
    expect(app.page.get_by_text("1,000 keys")).to_be_visible()
    assert app.rows().count() < 1000
    for _ in range(300):
        if app.rows().count() == 1000:
            break
        app.evaluate("scrollTo(0, document.body.scrollHeight)")
        app.page.wait_for_timeout(100)
    expect(app.rows()).to_have_count(1000)
    app.page.get_by_label("Search keys").fill("service-0777")
    expect(app.rows()).to_have_count(1)


def test_first_load_is_light(opens: Opens, full: Service) -> None:
    app = opens(full.stack.url, "about:blank")
    devtools = app.page.context.new_cdp_session(app.page)
    sent: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
    devtools.send("Network.enable")
    app.page.goto(f"{full.stack.url}/console")
    expect(app.heading("Sign in to Keyturn")).to_be_visible()
    app.page.wait_for_load_state("networkidle")
    sys.stdout.write(f"first load: {len(sent)} files, {sum(sent):.0f} bytes\n")

    assert len(sent) > 20
    assert sum(sent) < FIRST_LOAD
    # Again, nothing of it is sent again.
    before = sum(sent)
    app.page.reload()
    expect(app.heading("Sign in to Keyturn")).to_be_visible()
    app.page.wait_for_load_state("networkidle")
    assert sum(sent) - before < FIRST_LOAD / 5


def test_throttle_in_the_middle_of_a_long_list_does_not_begin_it_again(
    opens: Opens, full: Service
) -> None:
    fill(full, 150)
    app = opens(full.stack.url)
    throttled: list[str] = []

    def once(route: Route) -> None:
        if throttled:
            route.fallback()
            return
        throttled.append(route.request.url)
        said = {"error": "too many requests, try again", "code": "throttled", "request_id": "r"}
        route.fulfill(status=429, body=json.dumps(said), headers={"Retry-After": "1"})

    app.page.route("**/api/apikey?*cursor=*", once)
    app.sign_in(full.stack.admin_key)
    app.go("/keys")
    expect(app.page.locator(".count[data-keys]:not([data-keys=''])")).to_be_visible()

    asked = [request.url for request in app.asked("limit=100")]
    assert len([url for url in asked if "cursor" not in url]) == 1
    assert asked.count(throttled[0]) == 2
    assert app.page.get_by_role("main").get_by_role("alert").count() == 0
