"""What holds for every page, whoever wrote it: readable when narrow, labelled, in order, and without complaints."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.applications import authorize
from tests.journeys.demo import DemoInstance

PUBLIC = [
    "/",
    "/login",
    "/mailbox",
    "/mailbox/delete",
    "/mailbox?q=nothing+like+it",
    "/mailbox/00000000-0000-0000-0000-000000000000",
]

# The names of what a person with a screen reader would stumble over on the page that is open.
FAULTS = """() => {
    const faults = [];
    const all = selector => [...document.querySelectorAll(selector)];
    if (!document.documentElement.lang) faults.push("no language");
    if (!document.title.trim()) faults.push("no title");
    if (all("main").length !== 1) faults.push("not one main part");
    if (all("h1").length !== 1) faults.push("not one main heading");
    const levels = all("h1, h2, h3, h4").map(heading => Number(heading.tagName[1]));
    levels.forEach((level, i) => { if (level > (levels[i - 1] ?? 0) + 1) faults.push("a heading's level is skipped"); });
    all("input:not([type=hidden]), textarea, select").filter(input => !input.labels.length)
        .forEach(input => faults.push("no label: " + input.name));
    all("img:not([alt])").forEach(image => faults.push("no alternative text: " + image.src));
    all("iframe:not([title])").forEach(frame => faults.push("no title: " + frame.src));
    all("a, button").filter(link => !link.textContent.trim() && !link.getAttribute("aria-label"))
        .forEach(link => faults.push("no words: " + link.outerHTML));
    const ids = all("[id]").map(element => element.id);
    ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => faults.push("twice the id " + id));
    if (document.documentElement.scrollWidth > window.innerWidth) faults.push("wider than the window");
    return faults;
}"""


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_sound(page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate(FAULTS) == []


@pytest.mark.parametrize("width", [400, 1280])
def test_the_consent_page_is_sound(
    page: Page, sign_in: Callable[[], None], application: dict[str, str], callback: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(authorize(application, callback))
    sign_in()
    page.get_by_role("button", name="Allow").wait_for()
    assert page.evaluate(FAULTS) == []


def test_an_error_page_is_sound(page: Page) -> None:
    page.goto("/oauth2/default/v1/authorize?" + urlencode({"client_id": "nobody"}))
    assert page.evaluate(FAULTS) == []


def test_the_keyboard_reaches_the_content_first_and_every_button(page: Page, instance: DemoInstance) -> None:
    page.goto("/login")
    page.get_by_label("Email address").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Sign in"
    page.goto("/mailbox")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url == f"{instance.url}/mailbox#content"
