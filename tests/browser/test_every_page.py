"""What holds for every page, whoever wrote it: readable when narrow, labelled, in order, and nothing that axe minds.

A page is added to one of the lists: PUBLIC for visitors, INSIDE for people who are signed in.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.applications import authorize
from tests.browser.campaigns import reported
from tests.journeys.demo import EMAIL, PASSWORD, DemoInstance

PUBLIC = [
    "/",
    "/login",
    "/activate",
    "/activate?user_code=BCDKLMRT",
    "/mailbox",
    "/mailbox/delete",
    "/mailbox?q=nothing+like+it",
    "/mailbox/00000000-0000-0000-0000-000000000000",
    "/portal/signup",
    "/portal/reset",
    "/portal/reset/over",
    "/portal/confirm/over",
    "/portal/docs",
    "/portal/docs/getting-started",
    "/portal/docs/authorization",
    "/portal/docs/limits",
    "/reference",
    "/reference/create_contact",
    "/reference/import_contacts_file",
    "/reference/callback",
]
INSIDE = [
    "/",
    "/mailbox",
    "/portal/apps",
    "/?done=signed-up",
    "/portal/apps/new",
    "{app}",
    "{app}/secret",
    "{app}/secret/revoke",
    "{app}/delete",
    "/campaigns",
    "/campaigns?q=nothing+like+it",
    "/campaigns/new",
    "{campaign}",
    "{campaign}/setup",
    "{campaign}/trace?address=ana@shelf.example",
    "{campaign}/people?did=clicks",
    "{draft}",
    "{draft}/setup?done=created",
    "{draft}/details",
    "{draft}/rename",
    "{draft}/copy",
    "{draft}/html",
    "{draft}/links",
    "{draft}/audience",
    "{draft}/subject-test",
    "{draft}/resend",
    "{draft}/test-mail",
    "{draft}/send",
    "{draft}/schedule",
    "{draft}/cancel",
    "{draft}/delete",
    "{draft}/report",
    "{blocks}/content",
    "{blocks}/content?at=1",
    "{contact}",
    "/contacts",
    "/contacts?q=nobody+like+this",
    "/contacts/new",
    "/contacts/import",
    "{person}/edit",
    "{person}/unsubscribe",
    "{person}/delete",
    "/lists",
    "{list}/rename",
    "{list}/delete",
    "/segments",
    "/segments/new",
    "{segment}",
    "{segment}/delete",
    "{rich}",
    "/activities",
    "{activity}",
    "{activity}/cancel",
    "/automations",
    "/automations/new?kind=birthday",
    "{automation}",
    "{automation}/edit",
    "{automation}/delete",
    "/account",
    "/account/address",
    "/account/senders",
    "/account/domains",
    "/account/mail",
    "/account/suppressions?address=ann@shelf.example",
    "/account/people",
    "/account/applications",
    "/account/security",
    "/account/security/second-factor",
    "/login/logout",
    "/portal/docs",
    "/reference",
]
# Once as most people look at a screen, once as they look at a phone in bed.
VIEWS: list[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (400, "dark")]

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
    all("input:not([type=hidden]), textarea, select").filter(input => !input.labels.length && !input.ariaLabel)
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


AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
# What is serious for somebody who reads with their ears, fingers or tired eyes.
COMPLAINTS = """async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    return found.violations.filter(each => ["serious", "critical"].includes(each.impact))
        .flatMap(each => each.nodes.map(node => each.id + ": " + node.target + " " + (node.any[0]?.message ?? "")));
}"""


def faults_of(page: Page) -> list[str]:
    """What is wrong with the page that is open."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(FAULTS) + page.evaluate(COMPLAINTS)
    return found


# Tables and buttons that reach beyond the card they are in, where nobody sees them.
CUT_OFF = """() => [...document.querySelectorAll(".table-frame, .card")].flatMap(frame => {
    const end = frame.getBoundingClientRect().right + 1;
    return [...frame.querySelectorAll("table, button, .button, .badge")]
        .filter(part => !part.closest("pre, .chart-table") && part.getBoundingClientRect().right > end)
        .map(part => `cut off at ${innerWidth}: ${part.tagName} ${part.textContent.trim().slice(0, 20)}`);
})"""


def cut_off(page: Page) -> list[str]:
    """What is cut off between a telephone's width and a desk's: where tables are still tables, and the menu is there."""
    before = page.viewport_size
    found: list[str] = []
    for width in (810, 1070):
        page.set_viewport_size({"width": width, "height": 800})
        found += page.evaluate(CUT_OFF)
    assert before is not None
    page.set_viewport_size(before)
    return found


@pytest.fixture(params=VIEWS, ids=str)
def view(request: pytest.FixtureRequest, browser: Browser, instance: DemoInstance) -> Any:
    """A page in one of the views."""
    width, scheme = request.param
    context = browser.new_context(
        base_url=instance.url, viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_every_public_page_is_sound(view: Page) -> None:
    found = {}
    for path in PUBLIC:
        view.goto(path)
        found[path] = faults_of(view)
    assert {path: [] for path in PUBLIC} == found


def test_every_page_inside_is_sound(view: Page, instance: DemoInstance) -> None:
    view.goto("/login")
    view.get_by_label("Email address").fill(EMAIL)
    view.get_by_label("Password").fill(PASSWORD)
    view.get_by_role("button", name="Sign in").click()
    places = {"{app}": registered(view), "{activity}": imported(instance), "{automation}": automated(view)}
    places["{blocks}"] = composed(view)
    places |= {f"{{{name}}}": path for name, path in (reported(instance) | audience(instance)).items()}
    places["{person}"] = places["{contact}"].removesuffix("/activity")
    found = {}
    for path in INSIDE:
        place = path.partition("}")[0] + "}"
        view.goto(path.replace(place, places.get(place, place)))
        found[path] = faults_of(view) + cut_off(view)
    assert {path: [] for path in INSIDE} == found


def test_the_checks_see_a_page_that_is_unsound(page: Page) -> None:
    page.goto("/login")
    page.evaluate("document.querySelector('label').style.color = '#ddd'; document.querySelector('h1').remove()")
    found = faults_of(page)
    assert "not one main heading" in found
    assert any(fault.startswith("color-contrast") for fault in found), found


def composed(page: Page) -> str:
    """The path of a new campaign of blocks."""
    page.goto("/campaigns/new")
    page.get_by_label("Name", exact=True).fill(f"Blocks at {page.evaluate('innerWidth')}")
    page.get_by_label("Subject").fill("Nine new arrivals")
    page.get_by_role("button", name="Make the draft").click()
    return page.url.partition("?")[0].removesuffix("/setup")


def registered(page: Page) -> str:
    """The path of an application of the person's own."""
    page.goto("/portal/apps")
    if not page.get_by_role("link", name="Sheet sync").count():
        page.goto("/portal/apps/new")
        page.get_by_label("Name").fill("Sheet sync")
        page.get_by_role("button", name="Register application").click()
        page.goto("/portal/apps")
    return page.get_by_role("link", name="Sheet sync").get_attribute("href") or ""


def automated(page: Page) -> str:
    """The path of an automation, switched off."""
    page.goto("/automations")
    if not page.get_by_role("link", name="Birthday mail:").count():
        page.goto("/automations/new?kind=birthday")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("It is saved").wait_for()
        page.goto("/automations")
    return page.get_by_role("link", name="Birthday mail:").get_attribute("href") or ""


def imported(instance: DemoInstance) -> str:
    """The path of a bulk activity with something to tell."""
    headers = {"Authorization": f"Bearer {instance.token()}"}
    lists = httpx.get(f"{instance.url}/v3/contact_lists", headers=headers).json()["lists"]
    body = {"list_ids": [lists[0]["list_id"]], "import_data": [{"email": "nobody"}, {"email": "ann@x.example"}]}
    posted = httpx.post(f"{instance.url}/v3/activities/contacts_json_import", headers=headers, json=body)
    return f"/activities/{posted.json()['activity_id']}"


@cache
def audience(instance: DemoInstance) -> dict[str, str]:
    """The paths of a list and of two segments, one of which says more than the form can."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.token()}"}) as api:
        list_id = api.get("/v3/contact_lists").json()["lists"][0]["list_id"]
        on_list = {"source": "list_membership", "field": "list_id", "op": "contains-any", "value": [list_id]}
        opened = {"source": "tracking", "field": "opened", "op": "contains-any", "const_value": "campaigns"}
        groups = {"segment": [on_list, opened], "rich": [opened, {"type": "not", "group": [on_list]}]}
        made = {"list": f"/lists/{list_id}"}
        for name, group in groups.items():
            criteria = {"version": "1.0.0", "criteria": {"type": "and", "group": group}}
            posted = api.post("/v3/segments", json={"name": name, "segment_criteria": criteria}).raise_for_status()
            made[name] = f"/segments/{posted.json()['segment_id']}"
    return made


@pytest.mark.parametrize("width", [400, 1280])
def test_the_consent_page_is_sound(
    page: Page, sign_in: Callable[[], None], application: dict[str, str], callback: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(authorize(application, callback))
    sign_in()
    page.get_by_role("button", name="Allow").wait_for()
    assert faults_of(page) == []


def test_an_error_page_is_sound(page: Page) -> None:
    page.goto("/oauth2/default/v1/authorize?" + urlencode({"client_id": "nobody"}))
    assert faults_of(page) == []


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
    page.wait_for_url(f"{instance.url}/mailbox#content")
