"""A campaign is sent, and a person reads it in the built-in mailbox."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.journeys.demo import DemoInstance
from tests.journeys.story import Story

READER = "zoë.reader@reader.example"


class Sent:
    """A campaign that is in the mailbox."""

    def __init__(self, story: Story, activity_id: str) -> None:
        self.story = story
        self.activity_id = activity_id

    def count(self, name: str) -> int:
        return len(self.story.tracking(self.activity_id, name))


@pytest.fixture(scope="module")
def sent(instance: DemoInstance) -> Iterator[Sent]:
    """One campaign to one reader, sent as an application would."""
    with Story(instance) as story:
        story.http.headers["Authorization"] = f"Bearer {instance.token()}"
        found = Sent(story, send_campaign(story))
        story.until(lambda: found.count("sends") == 1, 60)
        yield found


def send_campaign(story: Story) -> str:
    list_id = story.create_list("Browser readers")
    contact = {
        "email_address": {"address": READER, "permission_to_send": "implicit"},
        "first_name": "Zoë",
        "create_source": "Account",
        "list_memberships": [list_id],
    }
    answer = story.http.post("/v3/contacts", json=contact)
    assert answer.status_code == 201, answer.text
    _, activity_id = story.create_campaign(list_id)
    story.send_now(activity_id)
    return activity_id


def open_mail(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Open the mailbox").click()
    page.get_by_label("Search recipients, senders and subjects").fill("reader.example")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Zoë, nine new arrivals").click()


def test_the_mail_is_read_as_html_and_the_open_is_counted(page: Page, sent: Sent) -> None:
    open_mail(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Zoë, nine new arrivals")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Hello Zoë, nine new arrivals.")).to_be_visible()
    sent.story.until(lambda: sent.count("opens") >= 1, 15)


def test_a_link_in_the_mail_opens_in_a_new_tab_and_is_counted(page: Page, sent: Sent) -> None:
    serve_shop(page.context)
    open_mail(page)
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="See them").click()
    expect(opened.value.get_by_text("The shop")).to_be_visible()
    assert opened.value.url.startswith("https://harborlane.example/new?ref=mail")
    sent.story.until(lambda: sent.count("clicks") == 1, 15)


def test_the_mail_is_read_as_text_and_as_its_source(page: Page, sent: Sent) -> None:
    open_mail(page)
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.locator("pre")).to_contain_text("Hello Zoë, nine new arrivals.")
    expect(page.get_by_role("link", name="Text", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Source").click()
    expect(page.locator("pre")).to_contain_text("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    expect(page.locator("pre")).to_contain_text("Content-Type: text/html")


def test_the_reader_unsubscribes_on_the_page_behind_the_link(page: Page, sent: Sent) -> None:
    open_mail(page)
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").click()
    leaving = opened.value
    expect(leaving.get_by_role("heading", name="Unsubscribe")).to_be_visible()
    leaving.get_by_role("button", name="Unsubscribe").click()
    expect(leaving.get_by_role("heading", level=1)).not_to_have_text("Unsubscribe")
    sent.story.until(lambda: sent.count("optouts") == 1, 15)


def test_the_mail_cannot_run_scripts_or_reach_the_instance(page: Page, sent: Sent) -> None:
    open_mail(page)
    address = page.locator("iframe").get_attribute("src")
    assert address is not None
    answer = httpx.get(f"{sent.story.instance.url}{address}")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';")
    sandbox = page.locator("iframe").get_attribute("sandbox")
    assert sandbox == "allow-popups allow-popups-to-escape-sandbox"


def test_the_mailbox_is_emptied_only_after_a_question(page: Page, sent: Sent) -> None:
    page.goto("/mailbox")
    page.get_by_role("link", name="Delete all").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("table")).to_be_visible()
    page.get_by_role("link", name="Delete all").click()
    page.get_by_role("button", name="Delete all mails").click()
    expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()


def serve_shop(context: BrowserContext) -> None:
    """The sender's own site, which the campaign links to, lies outside this machine."""

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<!doctype html><h1>The shop</h1>")

    context.route("https://harborlane.example/**", answer)
