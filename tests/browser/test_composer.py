"""Writing an email of blocks in a browser, and what arrives of it: on a screen, on a phone, in the dark."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import faults_of
from tests.journeys.demo import EMAIL, DemoInstance
from tests.support.instance import await_true

SENDER = {"from_name": "Harbor Lane Books", "from_email": EMAIL, "reply_to_email": EMAIL, "subject": "Tides in blocks"}
# Where two columns stand, and whether anything is wider than the window.
PLACES = """() => {
    const place = words => [...document.querySelectorAll("p, h2")].find(each => each.textContent.includes(words))
        .getBoundingClientRect();
    const [left, right] = [place("Left of both"), place("Right of both")];
    return {isBeside: right.left >= left.right, isBelow: right.top >= left.bottom,
            fits: document.documentElement.scrollWidth <= window.innerWidth};
}"""
DARK = """() => {
    const words = [...document.querySelectorAll("li")].find(each => each.textContent.includes("nine new"));
    const paper = words.closest(".paper");
    return [getComputedStyle(words).color, getComputedStyle(paper).backgroundColor];
}"""


@pytest.fixture
def api(instance: DemoInstance) -> Any:
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.token()}"}) as client:
        yield client


def drafted(api: httpx.Client, name: str) -> tuple[str, str]:
    """The page of a new email of blocks, and the path of its activity."""
    activity = {"format_type": 4, **SENDER, "html_content": "<p>Of an application</p>"}
    made = (
        api.post("/v3/emails", json={"name": name, "email_campaign_activities": [activity]}).raise_for_status().json()
    )
    activity_id = made["campaign_activities"][0]["campaign_activity_id"]
    return f"/campaigns/{made['campaign_id']}/content", f"/v3/emails/activities/{activity_id}"


def test_what_is_put_together_with_the_mouse_and_the_keys_arrives(
    page: Page, instance: DemoInstance, sign_in: Callable[[], None], api: httpx.Client
) -> None:
    path, activity = drafted(api, "Tides, in blocks")
    page.goto(path)
    sign_in()
    page.get_by_role("button", name="Write a new one in blocks").click()
    _compose(page)
    frame = page.frame_locator("#frames iframe.shown:not(.coming)")
    expect(frame.get_by_text("Right of both")).to_be_visible()
    assert faults_of(page) == []
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert faults_of(page) == []
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#state")).to_have_text("Saved")
    assert page.evaluate("document.activeElement.textContent") == "Save"
    page.reload()
    expect(frame.get_by_text("Dear Demo")).to_be_visible()
    mail = _sent(instance, api, activity)
    page.goto(f"{mail}/html")
    for width, is_beside in ((700, True), (375, False)):
        page.set_viewport_size({"width": width, "height": 800})
        assert {"isBeside": is_beside, "isBelow": not is_beside, "fits": True} == page.evaluate(PLACES), width
    assert ["rgb(34, 39, 46)", "rgb(255, 255, 255)"] == page.evaluate(DARK)
    page.emulate_media(color_scheme="dark")
    assert ["rgb(236, 239, 243)", "rgb(27, 31, 36)"] == page.evaluate(DARK)
    assert "Dear Blocky, welcome" in page.get_by_text("Dear Blocky").inner_text()
    page.goto(f"{mail}?view=text")
    assert "* nine new" in page.locator(".mail pre").inner_text()


def test_somebody_who_was_slower_keeps_what_they_wrote(
    page: Page, sign_in: Callable[[], None], api: httpx.Client
) -> None:
    path, _ = drafted(api, "Two at once")
    page.goto(path)
    sign_in()
    page.get_by_role("button", name="Write a new one in blocks").click()
    other = page.context.new_page()
    page.goto(path)
    other.goto(path)
    for window, words in ((page, "First"), (other, "Second")):
        window.locator("#edit-0 > summary").click()
        window.locator("#block-0-text").fill(words)
        window.get_by_role("button", name="Save").click()
    expect(page.locator("#state")).to_have_text("Saved")
    expect(other.get_by_role("alert")).to_contain_text("Somebody else saved this email")
    assert "Replace theirs with mine" == other.evaluate("document.activeElement.textContent")
    assert "Second" == other.locator("#block-0-text").input_value()
    other.keyboard.press("Enter")
    expect(other.locator("#state")).to_have_text("Saved")
    page.reload()
    expect(page.locator("#edit-0 .block-words")).to_have_text("Second")


def test_the_preview_of_html_follows_what_is_typed(page: Page, sign_in: Callable[[], None], api: httpx.Client) -> None:
    activity = {"format_type": 5, **SENDER, "html_content": "<p>Before</p>"}
    made = api.post("/v3/emails", json={"name": "By hand", "email_campaign_activities": [activity]}).json()
    page.goto(f"/campaigns/{made['campaign_id']}/content")
    sign_in()
    assert page.url.endswith("/html")
    page.get_by_label("Source").fill("<script>alert(1)</script><p>Hello ")
    page.get_by_text("Personal words").click()
    page.get_by_role("button", name="Insert First name").click()
    expect(page.frame_locator("#frames iframe.shown:not(.coming)").get_by_text("Hello Demo")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def _compose(page: Page) -> None:
    """A text with a list, a tag put in by a button, and two columns."""
    page.locator("#edit-1 > summary").click()
    text = page.locator("#block-1-text")
    text.fill("Dear ")
    page.get_by_text("Personal words").click()
    page.get_by_role("button", name="Insert First name").click()
    page.keyboard.type(", welcome\n\n- nine new\n- ")
    page.locator("#edit-1").get_by_role("button", name="Bold").click()
    page.keyboard.type("arrivals")
    assert 'Dear [[FirstName OR "there"]], welcome\n\n- nine new\n- **arrivals**' == text.input_value()
    page.get_by_role("button", name="Columns at the end").click()
    for number, words in ((1, "Left of both"), (2, "Right of both")):
        page.get_by_role("button", name=f"Text at the end of column {number}").click()
        field = page.locator(f"#block-3-{number - 1}-0-text")
        expect(field).to_be_focused()
        field.fill(words)


def _sent(instance: DemoInstance, api: httpx.Client, activity: str) -> str:
    """Send it to somebody; returns the path of their mail."""
    list_id = api.post("/v3/contact_lists", json={"name": "Readers of blocks"}).raise_for_status().json()["list_id"]
    address = {"address": "blocky@blocks.example", "permission_to_send": "implicit"}
    contact = {
        "create_source": "Account",
        "first_name": "Blocky",
        "email_address": address,
        "list_memberships": [list_id],
    }
    api.post("/v3/contacts", json=contact).raise_for_status()
    api.put(activity, json={**SENDER, "contact_list_ids": [list_id]}).raise_for_status()
    api.post(f"{activity}/schedules", json={"scheduled_date": "0"}).raise_for_status()

    def found() -> list[str]:
        mailbox = httpx.get(f"{instance.url}/mailbox", params={"q": "blocky@blocks.example"}).text
        return re.findall(r'href="(/mailbox/[0-9a-f-]{36})"', mailbox)

    await_true(lambda: bool(found()), 60)
    return found()[0]
