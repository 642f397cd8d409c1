"""A welcome mail from the first word to the inbox of somebody who signs up."""

import re
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import faults_of
from tests.journeys.demo import DemoInstance
from tests.support.instance import await_true

READER = "nora@welcome.example"


def test_a_welcome_mail_reaches_who_signs_up(page: Page, instance: DemoInstance, sign_in: Callable[[], None]) -> None:
    api = httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.token()}"})
    list_id = api.post("/v3/contact_lists", json={"name": "Readers of the tide"}).raise_for_status().json()["list_id"]
    page.goto("/login?next=/automations")
    sign_in()
    page.get_by_role("link", name="Write one (welcome mail)").click()
    page.get_by_label("List", exact=True).select_option("Readers of the tide")
    page.get_by_label("Subject", exact=True).fill("Welcome aboard, [[FirstName]]")
    page.get_by_role("button", name="Preview").click()
    frame = page.frame_locator("iframe[name=preview]")
    expect(frame.get_by_text("Thank you for signing up.")).to_be_visible()
    expect(frame.get_by_role("link", name="Unsubscribe")).to_be_visible()
    page.get_by_label("Subject", exact=True).fill(" ")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#subject-error")).to_have_text("Must not be empty.")
    assert [] == faults_of(page)
    page.get_by_label("Subject", exact=True).fill("Welcome aboard, [[FirstName]]")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It is saved, and switched off.")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("Thank you for signing up.")).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("It is on.")).to_be_visible()
    assert [] == faults_of(page)

    reader = {"email_address": READER, "first_name": "Nora", "list_memberships": [list_id]}
    api.post("/v3/contacts/sign_up_form", json=reader).raise_for_status()
    found = f"{instance.url}/mailbox?q={READER}"
    await_true(lambda: re.search(r"Welcome aboard, Nora", httpx.get(found).text) is not None, 60)
    page.goto(f"/mailbox?q={READER}")
    page.get_by_role("link", name="Welcome aboard, Nora").click()
    expect(page.frame_locator("iframe").get_by_text(f"Unsubscribe {READER}")).to_be_visible()
    page.goto("/automations")
    expect(page.locator("tr", has_text="Readers of the tide").locator("[data-label=Sent]")).to_have_text("1")
    api.close()
