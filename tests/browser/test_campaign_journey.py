"""A campaign from its name to its report in a browser, and one that is stopped on its way."""

import re
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import SLOW_DOMAIN
from tests.browser.test_every_page import faults_of
from tests.journeys.demo import DemoInstance

READERS = ("ida", "jan", "kim", "lou", "max")


def test_a_campaign_is_made_tried_sent_and_reported(
    page: Page, instance: DemoInstance, sign_in: Callable[[], None]
) -> None:
    gather(instance, "Friends of the shop", READERS[:2])
    page.goto("/login?next=/campaigns")
    sign_in()
    page.get_by_role("link", name="New campaign").first.click()
    make(page, "Letters in autumn", kind="In HTML")
    step(page, "Content")
    page.get_by_label("Source").fill("<h1>Leaves</h1><p>[[trackingImage]]They fall.</p>")
    page.get_by_role("button", name="Save and look").click()
    expect(page.frame_locator("iframe.shown").get_by_text("They fall.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()

    step(page, "Audience")
    page.get_by_label("Friends of the shop").check()
    page.get_by_role("button", name="Count first").click()
    expect(page.get_by_text("2 of 2 contacts would get it now.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("2 of 2 would get it now.")).to_be_visible()

    page.get_by_role("link", name="Send a test mail").click()
    page.get_by_label("To", exact=True).fill("proof@harborlane.example")
    page.get_by_label("A word to them").fill("Look at the leaves")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("The test mail is on its way.")).to_be_visible()
    place = page.url.partition("/setup")[0]
    await_mail(page, "proof@harborlane.example")
    expect(page.frame_locator("iframe").get_by_text("Look at the leaves")).to_be_visible()

    page.goto(place)
    page.get_by_role("link", name="Send now…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send it to 2 contacts now?")
    assert faults_of(page) == []
    page.get_by_role("button", name="Send it now").click()
    # The page follows the send by itself, and ends on the report.
    expect(page.get_by_role("link", name=re.compile("^Sent 2"))).to_be_visible(timeout=40_000)
    expect(page.get_by_role("heading", name="On its way")).to_have_count(0, timeout=20_000)
    page.get_by_role("link", name="Who got it?").click()
    page.get_by_label("Why did or didn't").fill("ida@friends.example")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("Accepted by the mail server")).to_be_visible()


def test_a_send_is_paused_resumed_and_cancelled(
    page: Page, instance: DemoInstance, sign_in: Callable[[], None]
) -> None:
    gather(instance, "Friends on the coast", READERS, domain=SLOW_DOMAIN)
    page.goto("/login?next=/campaigns/new")
    sign_in()
    make(page, "Slow letters", kind="From blocks")
    step(page, "Audience")
    page.get_by_label("Friends on the coast").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Send now…").click()
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=40_000)
    sent = page.locator(".counts > div", has_text="Sent").locator("dd")
    expect(sent).not_to_have_text("0", timeout=20_000)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by a person.")).to_be_visible()
    assert faults_of(page) == []
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="On its way")).to_be_visible()
    page.get_by_role("link", name="Cancel the send").click()
    page.get_by_role("button", name="Cancel the send").click()
    expect(page.get_by_text("The campaign is cancelled: nobody else gets it.")).to_be_visible()
    expect(page.get_by_role("heading", name="Being cancelled")).to_have_count(0, timeout=20_000)
    # The history is written by a job of its own, a moment later.
    for _ in range(40):
        if page.get_by_text("Cancelled part-way").is_visible():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_text("Cancelled part-way")).to_be_visible()


def make(page: Page, name: str, *, kind: str) -> None:
    """Fill in the form of a new campaign."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Subject").fill(f"{name} are here")
    page.get_by_label(kind, exact=True).check()
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("Choose who gets it.")).to_be_visible()


def step(page: Page, title: str) -> None:
    """Open a step of the checklist."""
    page.locator(".checklist li", has=page.get_by_text(title, exact=True)).get_by_role("link").click()


def gather(instance: DemoInstance, name: str, readers: tuple[str, ...], *, domain: str = "friends.example") -> None:
    """A list with people on it."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.token()}"}) as api:
        list_id = api.post("/v3/contact_lists", json={"name": name}).raise_for_status().json()["list_id"]
        for reader in readers:
            address = {"address": f"{reader}@{domain}", "permission_to_send": "implicit"}
            body = {"create_source": "Account", "email_address": address, "list_memberships": [list_id]}
            api.post("/v3/contacts", json=body).raise_for_status()


def await_mail(page: Page, address: str) -> None:
    """Open the newest mail to somebody."""
    found = page.get_by_role("link", name=re.compile("are here"))
    for _ in range(60):
        page.goto(f"/mailbox?q={address}")
        if found.count():
            break
        page.wait_for_timeout(250)
    found.first.click()
