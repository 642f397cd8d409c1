"""A whole instance in processes of its own, and a headless Chromium that looks at it."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.applications import CallbackHandler
from tests.journeys.demo import EMAIL, PASSWORD, DemoInstance

# Whose people get six mails a minute: slow enough to press buttons while some of them wait.
SLOW_DOMAIN = "slow.example"

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_HOW_TO_GET_IT = "browser tests need Chromium: apt install chromium, or name one in EVERPOST_CHROMIUM"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser. In CI its absence is a failure, elsewhere a reason to skip."""
    found = os.environ.get("EVERPOST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail(_HOW_TO_GET_IT, pytrace=False)
    if found is None:
        pytest.skip(_HOW_TO_GET_IT)
    return str(Path(found))


@pytest.fixture(scope="package")
def instance(chromium: str) -> Iterator[DemoInstance]:
    """`everpost up` on a fresh data folder; without a relay, so mail ends in the built-in mailbox."""
    running = DemoInstance(rate_per_second="0", rate_per_day="0", domain_limits=f"{SLOW_DOMAIN}=6")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Gone with the last test of this folder: while it lives, no other event loop can run in this process."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, instance: DemoInstance) -> Iterator[Page]:
    """A page of a new person: no cookies. A script error or a refusal by our own policy fails the test."""
    context = browser.new_context(base_url=instance.url)
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text) if _is_complaint(message.text) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture
def sign_in(page: Page) -> Callable[[], None]:
    """Fills in the sign-in form that is being shown."""

    def fill_in() -> None:
        page.get_by_label("Email address").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    return fill_in


@pytest.fixture
def callback() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), CallbackHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def application(instance: DemoInstance, callback: str) -> dict[str, str]:
    created = instance.command("app", "create", "--name", "Bookshelf", "--redirect-uri", callback)
    found: dict[str, str] = json.loads(created)
    return found


def _is_complaint(text: str) -> bool:
    return "Content Security Policy" in text or "Content-Security-Policy" in text
