"""The guide "Getting started" from its first to its last step, by somebody new with a browser."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Dialog, Page, Response, expect

from tests.browser.applications import authorize
from tests.journeys import demo
from tests.journeys.demo import DemoInstance

EMAIL = "ines.keller@harbor-lane.example"
LONGEST = 20_000  # milliseconds, on a machine that does much else
PASSWORD = "nine boats and a lamp"
FILE = "email,first_name,last_name\nana@example.com,Ana,Nuñez\nzoe@example.com,Zoë,Parker\n"


def test_a_new_person_gets_from_signing_up_to_imported_contacts(
    page: Page, instance: DemoInstance, tmp_path: Path, application: dict[str, str], callback: str
) -> None:
    sign_up(page)
    confirm_by_mail(page)
    register_application(page)

    open_operation(page, "Contacts", "List contacts")
    expect(page.get_by_text("Not signed in.")).to_be_visible()
    assert 401 == execute(page).status
    sign_in_to_try(page)
    answer = execute(page)
    assert (200, [EMAIL]) == (answer.status, [each["email_address"]["address"] for each in answer.json()["contacts"]])
    shown = page.locator("#try")
    expect(shown).to_contain_text("Authorization: Bearer ***")
    expect(shown).not_to_contain_text(str(answer.request.headers["authorization"]).removeprefix("Bearer "))

    # The token is kept from page to page, in the page's memory and nowhere else.
    open_operation(page, "Contact Lists", "List contact lists")
    lists = execute(page).json()["lists"]
    assert ["My Contacts"] == [each["name"] for each in lists]
    assert "{}" == page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")

    open_operation(page, "Bulk Activities", "Import contacts from a CSV file")
    (tmp_path / "readers.csv").write_text(FILE, "utf-8")
    page.locator("#try").get_by_label("file").set_input_files(tmp_path / "readers.csv")
    page.locator("#try").get_by_label("list_ids").fill(lists[0]["list_id"])
    started = execute(page)
    assert 201 == started.status
    open_operation(page, "Bulk Activities", "One bulk activity")
    activity = poll(page, started.json()["activity_id"])
    assert ("completed", 100, True) == (activity["state"], activity["percent_done"], "completed_at" in activity)

    open_operation(page, "Contacts", "List contacts")
    page.locator("#try").get_by_label("include", exact=True).select_option("list_memberships")
    contacts = execute(page).json()["contacts"]
    assert {EMAIL, "ana@example.com", "zoe@example.com"} == {each["email_address"]["address"] for each in contacts}
    assert all([lists[0]["list_id"]] == each["list_memberships"] for each in contacts)

    # A body is edited as JSON, and begins with one that works.
    open_operation(page, "Contact Tags", "Create a tag")
    body = page.locator("#try textarea")
    expect(body).to_be_visible()
    assert {"name": "Regulars"} == json.loads(body.input_value())
    body.fill('{"name": "Visitors"}')
    created = execute(page)
    assert (201, "Visitors") == (created.status, created.json()["name"])

    # And another application asks the same person.
    page.goto(authorize(application, callback))
    expect(page.get_by_role("heading", name="Bookshelf")).to_be_visible()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()


def test_deleting_asks_first_and_signing_out_ends_it(page: Page, instance: DemoInstance) -> None:
    page.goto("/reference/delete_contact")
    sign_in_to_try(page, demo.EMAIL, demo.PASSWORD)
    page.locator("#try").get_by_label("contact_id").fill("01890000-0000-7000-8000-000000000000")
    questions: list[str] = []

    def refuse(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", refuse)
    page.get_by_role("button", name="Execute").click()
    assert ["This deletes real data of your account. Go on?"] == questions
    page.once("dialog", lambda dialog: dialog.accept())
    assert 404 == execute(page).status
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Not signed in.")).to_be_visible()


def test_the_reference_is_readable_without_scripts(page: Page, instance: DemoInstance) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context(base_url=instance.url, java_script_enabled=False)
    plain = context.new_page()
    plain.goto("/reference")
    plain.get_by_role("link", name="Create a contact").first.click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Create a contact")
    expect(plain.get_by_text("The form needs JavaScript")).to_be_visible()
    expect(plain.get_by_text("curl -X POST")).to_be_visible()
    context.close()


def sign_up(page: Page) -> None:
    page.goto("/portal/docs/getting-started")
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    for label, text in {
        "Email address": EMAIL, "Password": PASSWORD, "First name": "Ines", "Last name": "Keller", "Organization": "Harbor Lane",
        "Phone number": "207-555-0134",
    }.items():  # fmt: skip
        page.get_by_label(label).fill(text)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="My applications")).to_be_visible()


def confirm_by_mail(page: Page) -> None:
    page.goto(f"/mailbox?q={EMAIL}")
    for _ in range(40):
        if page.locator("table a").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.locator("table a").first.click()
    found = re.search(r"http://\S+/portal/\S+", page.locator("pre").inner_text())
    assert found is not None
    page.goto(found[0])
    page.get_by_role("main").get_by_role("button", name="Confirm").click()


def register_application(page: Page) -> None:
    page.goto("/portal/apps")
    page.get_by_role("link", name="New application").click()
    page.get_by_label("Name").fill("Walk through")
    page.get_by_role("button", name="Register application").click()
    expect(page.get_by_label("API key")).to_have_value(re.compile(r"^[0-9a-f-]{36}$"))


def open_operation(page: Page, subject: str, title: str) -> None:
    """From the reference's own menu where it is shown, else from the reference's first page."""
    if "/reference/" not in page.url:
        page.get_by_role("navigation", name="Main").get_by_role("link", name="API reference").click()
        page.get_by_role("main").get_by_role("link", name=re.compile(title)).first.click()
    else:
        menu = page.get_by_role("navigation", name="Operations")
        section = menu.locator("details", has=page.locator("summary", has_text=re.compile(f"^{subject}$")))
        if section.get_attribute("open") is None:
            section.locator("summary").click()
        section.get_by_role("link", name=re.compile(title)).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    expect(page.get_by_role("button", name="Execute")).to_be_visible(timeout=LONGEST)


def sign_in_to_try(page: Page, login: str | None = None, password: str = "") -> None:
    """One click for whoever is signed in to the portal; for others the password besides."""
    with page.expect_popup() as opened:
        page.locator("#try").get_by_role("button", name="Sign in").click()
    if login is not None:
        window = opened.value
        window.get_by_label("Email address").fill(login)
        window.get_by_label("Password").fill(password)
        window.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Signed in until you leave this page.")).to_be_visible(timeout=LONGEST)


def execute(page: Page) -> Response:
    """Press the button, and wait until the page shows what came back."""
    with page.expect_response(lambda answer: "/v3/" in answer.url and "openapi" not in answer.url) as found:
        page.get_by_role("button", name="Execute").click()
    expect(page.locator("#try [role=status]").last).to_contain_text(str(found.value.status), timeout=LONGEST)
    return found.value


def poll(page: Page, activity_id: str) -> dict[str, Any]:
    page.locator("#try").get_by_label("activity_id").fill(activity_id)
    for _ in range(60):
        found: dict[str, Any] = execute(page).json()
        if found["state"] not in ("initialized", "processing"):
            break
        page.wait_for_timeout(250)
    return found
