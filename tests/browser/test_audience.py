"""From the first contact to a segment that a campaign can go to, in a browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.test_every_page import faults_of


def test_a_marketer_adds_a_contact_finds_it_and_makes_a_segment(page: Page, sign_in: Callable[[], None]) -> None:
    page.goto("/login?next=/lists")
    sign_in()
    page.get_by_label("New list").fill("Friends of the harbor")
    page.get_by_role("button", name="Make the list").click()
    expect(page.get_by_text("The list is there.")).to_be_visible()

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Contacts").click()
    page.get_by_role("link", name="Add a contact").click()
    page.get_by_label("Email address").fill("odile@harbor.example")
    page.get_by_label("First name").fill("Odile")
    page.get_by_label("They asked for mail").check()
    page.get_by_label("Friends of the harbor").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The contact is added.")).to_be_visible()
    expect(page.get_by_role("link", name="Friends of the harbor")).to_be_visible()
    assert [] == faults_of(page)
    page.get_by_role("link", name="← Contacts").click()
    page.get_by_label("Address or name").fill("odi")
    page.get_by_label("Address or name").press("Enter")
    expect(page.locator("td a.subject")).to_have_text(["odile@harbor.example"])

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Segments").click()
    page.get_by_role("link", name="New segment").first.click()
    page.get_by_label("Another condition, about").select_option("Lists")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#rule-1-op")).to_be_focused()
    page.get_by_role("button", name="Remove condition 1").click()
    page.get_by_label("Name", exact=True).fill("Friends")
    page.get_by_label("Name", exact=True).press("Enter")  # saves, and takes no condition away
    expect(page.locator("#rule-0-error")).to_have_text("Tick at least one.")
    assert [] == faults_of(page)
    page.get_by_role("group", name="Lists").get_by_label("Friends of the harbor").check()
    page.get_by_role("button", name="Who matches?").click()
    expect(page.get_by_text("1 contact matches now")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The segment is saved.")).to_be_visible()
    expect(page.locator("#preview").get_by_role("link", name="odile@harbor.example")).to_be_visible()
    assert [] == faults_of(page)
