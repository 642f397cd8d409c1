"""A reader follows the links under a mail: changes the profile, forwards the mail, leaves and comes back."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import faults_of
from tests.journeys.demo import EMAIL, DemoInstance
from tests.journeys.story import Story

READER = "nora@pages.example"


@pytest.fixture(scope="module")
def links(instance: DemoInstance) -> dict[str, str]:
    """The pages behind the links of a mail, by their first letter."""
    with Story(instance) as story:
        story.http.headers["Authorization"] = f"Bearer {instance.token()}"
        list_id = story.create_list("Letters from the harbor")
        settings = ("has_comment_box=true", "has_forward_link=true", "visible_lists=Letters from the harbor")
        instance.command("account", "settings", EMAIL, *settings)
        reader = {"email_address": {"address": READER}, "first_name": "Nora", "create_source": "Account"}
        story.http.post("/v3/contacts", json={**reader, "list_memberships": [list_id]}).raise_for_status()
        created = story.http.post(
            "/v3/emails",
            json={
                "name": "Letters",
                "email_campaign_activities": [
                    {"format_type": 5, "from_name": "Harbor", "from_email": EMAIL, "reply_to_email": EMAIL,
                     "subject": "A letter", "html_content": "<p>Dear [[FirstName]]</p>"}
                ],
            },
        ).raise_for_status()  # fmt: skip
        activity_id = created.json()["campaign_activities"][0]["campaign_activity_id"]
        content = story.http.get(f"/v3/emails/activities/{activity_id}").json()
        changed = {**content, "contact_list_ids": [list_id]}
        story.http.put(f"/v3/emails/activities/{activity_id}", json=changed).raise_for_status()
        story.send_now(activity_id)
        story.until(lambda: bool(mails(instance)), 60)
    shown = httpx.get(f"{instance.url}{mails(instance)[0]}/html").text
    return {path[0]: f"/{path}" for path in re.findall(r'href="[^"]*/((?:u|f|profile)/[\w=-]+)"', shown)}


def mails(instance: DemoInstance) -> list[str]:
    """The paths of the reader's mails."""
    page = httpx.get(f"{instance.url}/mailbox", params={"q": READER}).text
    return re.findall(r'href="(/mailbox/[0-9a-f-]{36})"', page)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_every_page_is_sound_and_the_reader_gets_what_they_want(
    page: Page, links: dict[str, str], width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(links["p"])
    assert [] == faults_of(page)
    page.get_by_label("Last name").fill("Quade")
    page.get_by_label("Birthday: month").select_option("May")
    page.get_by_label("Birthday: day").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#birthday_day-error")).to_be_visible()
    assert [] == faults_of(page)
    page.get_by_label("Birthday: day").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Your profile is saved")).to_be_visible()

    page.goto(links["f"])
    assert [] == faults_of(page)
    page.get_by_label("Email addresses of your friends").fill("friend@pages.example")
    page.get_by_role("button", name="Forward").click()
    expect(page.get_by_text("friend@pages.example")).to_be_visible()

    page.goto(links["u"])
    assert [] == faults_of(page)
    page.get_by_role("button", name="Unsubscribe from everything").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert [] == faults_of(page)
    page.get_by_role("button", name="Subscribe again").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert [] == faults_of(page)
