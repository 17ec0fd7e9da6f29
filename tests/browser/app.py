"""The console as a person sees it: by the words on it."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

NOT_STORED = """async () => ({
  local: Object.keys(localStorage).filter((name) => name !== 'keyturn-theme'),
  session: sessionStorage.length, cookies: document.cookie,
  databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
  workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""
REPORTS = """
addEventListener('securitypolicyviolation', (event) =>
  brokenPolicy(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`))
"""


class App:
    """A page of the console."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.broken: list[str] = []
        self.errors: list[str] = []
        self.requests: list[Request] = []

    def watch(self) -> None:
        """Keep what must not happen, and what is asked for."""
        # Not the methods themselves: Playwright puts a mark on what it is given.
        self.page.expose_function("brokenPolicy", lambda said: self.broken.append(said))  # noqa: PLW0108
        self.page.add_init_script(REPORTS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._say)
        self.page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108

    def _say(self, message: ConsoleMessage) -> None:
        # That a request was refused is what some tests are about, and the browser says so.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def assert_kept_to_itself(self) -> None:
        elsewhere = [r.url for r in self.requests if not r.url.startswith((self.url, "blob:"))]
        assert (self.broken, self.errors, elsewhere) == ([], [], [])
        assert not any(self.page.evaluate(NOT_STORED).values())
        assert self.page.context.cookies() == []
        assert "kt_" not in self.page.url

    def sign_in(self, key: str) -> None:
        """Present a key, whatever comes of it."""
        self.page.get_by_label("Admin key").fill(key)
        self.button("Sign in").click()

    def go(self, path: str) -> None:
        """Follow a link within the page."""
        self.page.evaluate("(path) => { location.hash = path }", path)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def in_dialog(self, name: str) -> Locator:
        return self.dialog.get_by_role("button", name=name, exact=True)

    def create(self, alias: str, name: str = "Name") -> str:
        """Create a key in the dialog, and return the string that is shown."""
        self.button("Create key").first.click()
        self.dialog.get_by_label("Alias").fill(alias)
        self.dialog.get_by_label("Name", exact=True).fill(name)
        self.in_dialog("Create key").click()
        return self.shown()

    def shown(self) -> str:
        """Return the key that is on the screen."""
        key = self.page.get_by_role("textbox", name="The key")
        expect(key).to_be_visible()
        return key.inner_text()

    def close_shown(self) -> None:
        """Copy the key and close it."""
        self.button("Copy the key").click()
        self.in_dialog("Done").click()
        expect(self.dialog).to_have_count(0)

    def rows(self) -> Locator:
        return self.page.locator("tbody tr")

    def asked(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.url]

    def evaluate(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        return self.page.evaluate(script)
