"""A person signs up, proves their address by the mail in the mailbox, and registers an application."""

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.support.instance import await_true

STRONG = "seven unrelated green words"


def test_a_person_signs_up_confirms_and_gets_an_api_key_and_a_secret(page: Page) -> None:
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    texts = {
        "Email address": "ida@pier9.example",
        "Password": STRONG,
        "First name": "Ida",
        "Last name": "Reed",
        "Organization": "Pier 9 Books",
        "Phone number": "555-010-2030",
    }
    for label, text in texts.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("Welcome!")).to_be_visible()
    expect(page.get_by_text("Confirm your email address.")).to_be_visible()

    await_true(lambda: has_mail(page, "ida@pier9.example"))
    page.get_by_role("link", name="Confirm your email address").click()
    link = re.search(r"http://\S+/portal/confirm/\S+", page.locator("pre").inner_text())
    assert link is not None
    page.goto(link[0])
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()

    page.get_by_role("navigation", name="Main").get_by_role("link", name="My applications").click()
    page.get_by_role("link", name="New application").click()
    page.get_by_label("Name").fill("Window display")
    page.get_by_role("button", name="Register application").click()
    expect(page.get_by_label("API key")).to_have_value(re.compile(r"[0-9a-f-]{36}"))
    page.get_by_role("button", name="Add another redirect URL").click()
    expect(page.get_by_label("Redirect URI 2")).to_be_focused()
    page.get_by_label("Redirect URI 2").fill("https://pier9.example/back")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    page.get_by_role("link", name="Generate secret").click()
    page.get_by_role("button", name="Generate secret").click()
    expect(page.locator("#secret")).to_have_text(re.compile(r"[\w-]{32}"))


def has_mail(page: Page, address: str) -> bool:
    page.goto(f"/mailbox?q={quote(address)}")
    return page.get_by_role("link", name="Confirm your email address").count() > 0


def test_the_menu_opens_and_closes_on_a_phone_by_keyboard_alone(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto("/login")
    page.get_by_label("Email address").fill("demo@everpost.example")
    page.get_by_label("Password").fill("a demo password")
    page.get_by_role("button", name="Sign in").click()
    settings = page.get_by_role("link", name="Settings")
    expect(settings).to_be_hidden()
    page.get_by_role("button", name="Menu").focus()
    page.keyboard.press("Enter")
    expect(settings).to_be_visible()
    page.keyboard.press("Escape")
    expect(settings).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    settings.click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
