"""A real browser on the real local stack.

Whatever a test does, its page must not have broken its own policy, asked anyone else for anything,
failed, or stored anything but the theme.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local.stack import Stack, local_stack
from tests.browser.app import App
from tests.support_console import browser

Opens = Callable[..., App]
PATIENCE = 15_000  # milliseconds, on a machine that others use too
expect.set_options(timeout=PATIENCE)


# Not for the session: until it ends, playwright's event loop runs in this thread, and no other can.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browser()
    # Root, as which CI runs, gets no sandbox; what is opened is ours.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=options)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    browser()  # no stack where there is none
    # It lasts as long as the process: a sweep would speak into other tests' output.
    with local_stack(sweep_seconds=3600) as stack:
        yield stack


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """The API beside the browser, as the first admin."""
    headers = {"X-API-Key": stack.admin_key}
    with httpx.Client(base_url=f"{stack.url}/api/apikey", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def opens(chromium: Browser, stack: Stack) -> Iterator[Opens]:
    """Open the console in a browser that knows nothing yet."""
    ended: list[App] = []
    contexts = []

    def opened(url: str = stack.url, path: str = "/console", **options: Any) -> App:  # noqa: ANN401
        context = chromium.new_context(
            base_url=url,
            viewport=options.pop("viewport", {"width": 1280, "height": 860}),
            permissions=["clipboard-read", "clipboard-write"],
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        app = App(context.new_page(), url)
        app.watch()
        app.page.goto(path)
        ended.append(app)
        return app

    yield opened
    for app in ended:
        app.assert_kept_to_itself()
    for context in contexts:
        context.close()


@pytest.fixture
def app(opens: Opens, stack: Stack) -> App:
    """The console, signed in as the first admin."""
    app = opens()
    app.sign_in(stack.admin_key)
    expect(app.heading("Overview")).to_be_visible()
    return app


@contextmanager
def answered(page: Page, pattern: str, **answer: Any) -> Iterator[None]:  # noqa: ANN401
    """Answer in the place of API Gateway, or of what stands in front of it."""
    page.route(pattern, lambda route: route.fulfill(**answer))
    yield
    page.unroute(pattern)
