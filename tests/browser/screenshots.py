"""Takes the README's pictures: `make screenshots`. Each view of the console, of a company's keys.

With a folder as its argument it puts there every view, light and dark, wide and narrow, for whoever
wants to look at all of it.
"""

import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local.stack import local_stack
from tests.browser.app import App
from tests.browser.demo import Company, lived

IMAGES = Path(__file__).parents[2] / "docs/images"
README = {"overview": "light", "keys": "light", "key": "dark"}
SIZES = {"wide": (1280, 860), "narrow": (380, 780)}


def views(app: App, company: Company) -> Iterator[str]:
    """Show one view after the other, and name each."""
    yield "sign-in"
    app.sign_in(company.admin)
    expect(app.heading("Recently changed")).to_be_visible()
    expect(app.page.get_by_text("Loading")).to_have_count(0)
    yield "overview"
    app.go("/keys")
    expect(app.rows().first).to_be_visible()
    yield "keys"
    app.go(f"/keys/{company.ids['billing']}")
    expect(app.page.locator(".plot canvas")).to_be_visible()
    expect(app.page.get_by_text("Key Created")).to_be_visible()
    yield "key"
    app.go(f"/keys/{company.ids['partner-globex']}")
    expect(app.page.get_by_text("Key Revoked")).to_be_visible()
    yield "key-revoked"
    app.go(f"/keys/{company.ids['mobile-app']}")
    app.button("Rotate").click()
    yield "rotate"
    app.in_dialog("Cancel").click()
    app.button("Revoke").click()
    yield "revoke"
    app.in_dialog("Cancel").click()
    app.button("Renew").click()
    yield "renew"
    app.in_dialog("Renew key").click()
    app.shown()
    yield "new-key"
    app.close_shown()
    app.go("/api")
    expect(app.heading("API")).to_be_visible()
    yield "api"


def each(browser: Browser, url: str, company: Company, take: Callable[..., None]) -> None:
    """Call `take` with each view in each theme and size."""
    for theme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            options: Any = {"color_scheme": theme, "reduced_motion": "reduce"}
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            context.grant_permissions(["clipboard-write"])
            app = App(context.new_page(), url)
            app.page.goto(f"{url}/console")
            for name in views(app, company):
                app.page.mouse.move(0, 0)
                app.page.wait_for_timeout(300)
                take(app.page, name, theme, size)
            context.close()


def main(folder: str = "") -> None:
    """Take the README's pictures, or all there are."""
    target = Path(folder) if folder else IMAGES
    target.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str, theme: str, size: str) -> None:
        if folder:
            path = target / f"{name}-{theme}-{size}.png"
        elif README.get(name) == theme and size == "wide":
            path = target / f"{name}.png"
        else:
            return
        page.screenshot(path=path)
        sys.stderr.write(f"{path}: {path.stat().st_size // 1000} kB\n")

    options = ["--no-sandbox"] if os.getuid() == 0 else []
    # What the functions log is of no interest here.
    with contextlib.redirect_stdout(io.StringIO()), local_stack() as stack:
        company = lived(stack)
        time.sleep(3)  # until the last of it is told
        with sync_playwright() as playwright:
            path = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=options)
            each(browser, stack.url, company, take)
            browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
