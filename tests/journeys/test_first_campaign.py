"""From an empty folder to a delivered, opened and reported campaign, with and without a worker that is killed."""

from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from tests.journeys import address_books
from tests.journeys.demo import DemoInstance
from tests.journeys.story import SCOPE, Story, links_of, path_of
from tests.support.smtp import SmtpServer

BROWSER = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"}
BATCH = 32


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    server = SmtpServer().start()
    yield server
    server.stop()


@pytest.fixture
def story(smtp: SmtpServer) -> Iterator[Story]:
    # The journey is one client in a hurry; limits have tests of their own.
    instance = DemoInstance(smtp_url=smtp.url, rate_per_second="0", rate_per_day="0")
    try:
        instance.start()
        with Story(instance) as journey:
            yield journey
    finally:
        instance.stop()


@pytest.mark.parametrize("is_killed", [False, True], ids=["undisturbed", "killed twice in each"])
def test_a_campaign_is_imported_sent_opened_and_reported(story: Story, smtp: SmtpServer, is_killed: bool) -> None:
    token = story.authorise()
    assert {"access_token", "token_type", "expires_in", "scope", "refresh_token"} == set(token) - {"expires_at"}
    assert set(SCOPE.split()) == set(str(token["scope"]).split())

    list_id = story.create_list("Readers")
    books = [address_books.outlook(2600, bad=20, duplicates=40), address_books.gmail(2400, bad=10, duplicates=10)]
    readers = set.union(*(book.good for book in books))
    started = [story.start_import(book, list_id) for book in books]
    if is_killed:
        _kill_worker_while_importing(story, started)
    for book, activity_id in zip(books, started, strict=True):
        activity = story.await_import(activity_id)
        assert ("completed", 100) == (activity["state"], activity["percent_done"])
        assert book.rows + 1 == activity["status"]["items_total_count"]
        assert (book.rows, book.bad) == (
            activity["status"]["person_count"], activity["status"]["correctable_count"],
        )  # fmt: skip
        assert book.bad == len(activity["activity_errors"])
        assert activity["activity_errors"][0] == "Line 2: Invalid email address"
    contacts = story.http.get("/v3/contacts", params={"lists": list_id, "include_count": "true", "limit": "1"})
    assert len(readers) == contacts.json()["contacts_count"]

    campaign_id, activity_id = story.create_campaign(list_id)
    if is_killed:
        smtp.delay_seconds = 0.004
    story.send_now(activity_id)
    if is_killed:
        _kill_worker_while_sending(story, smtp, len(readers))
    # Per kill: a batch on each of the four connections.
    at_most_unknown = 2 * 4 * BATCH if is_killed else 0
    story.until(lambda: len(story.tracking(activity_id, "sends")) == len(readers), 180)
    story.until(lambda: len(smtp.messages) >= len(readers) - at_most_unknown, 60)
    recipients = [recipient.lower() for recipient in smtp.recipients]
    assert len(set(recipients)) == len(recipients), "nobody is sent the campaign twice"
    assert set(recipients) <= readers
    assert len(readers) - len(recipients) <= at_most_unknown

    _read_and_react(story, smtp)
    _check_reports(story, campaign_id, activity_id, len(readers))


def _kill_worker_while_importing(story: Story, started: list[str]) -> None:
    """Once as soon as it works, and once again as soon as its successor does."""
    for activity_id in started:
        story.until(lambda each=activity_id: story.activity(each)["state"] != "initialized", 60)  # type: ignore[misc]
        story.instance.kill_worker()


def _kill_worker_while_sending(story: Story, smtp: SmtpServer, total: int) -> None:
    for share in (0.1, 0.5):
        story.until(lambda each=share: len(smtp.messages) >= each * total, 90)  # type: ignore[misc]
        story.instance.kill_worker()


def _read_and_react(story: Story, smtp: SmtpServer) -> None:
    """Three people open, two of them click, one unsubscribes by one click."""
    chosen = [recipient for recipient in smtp.recipients if recipient.startswith("outlook")][:3]
    with httpx.Client(base_url=story.instance.url, headers=BROWSER) as inbox:
        for number, recipient in enumerate(chosen):
            mail = smtp.mail_to(recipient)
            html = unescape(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
            pixel = next(part for part in html.split('"') if "/o/" in part)
            assert "image/gif" == inbox.get(path_of(pixel)).headers["content-type"]
            if number < 2:
                link = next(each for each in links_of(html) if "/c/" in each)
                assert f"({link})" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
                target = inbox.get(path_of(link))
                assert target.status_code == 302
                assert target.headers["location"].startswith("https://harborlane.example/new?ref=mail&who=")
            if number == 2:
                assert "List-Unsubscribe=One-Click" == mail["List-Unsubscribe-Post"]
                address = mail["List-Unsubscribe"].partition("<")[2].partition(">")[0]
                answer = inbox.post(path_of(address), data={"List-Unsubscribe": "One-Click"})
                assert 200 == answer.status_code


def _check_reports(story: Story, campaign_id: str, activity_id: str, sent: int) -> None:
    story.until(lambda: len(story.tracking(activity_id, "clicks")) == 2, 10)
    rows = {name: story.tracking(activity_id, name) for name in ("sends", "opens", "unique_opens", "clicks", "optouts")}
    assert {"sends": sent, "opens": 3, "unique_opens": 3, "clicks": 2, "optouts": 1} == {
        name: len(each) for name, each in rows.items()
    }
    assert {"computer"} == {row["device_type"] for row in rows["opens"] + rows["clicks"]}
    links = story.report(f"email_reports/{activity_id}/links")["link_click_counts"]
    assert [2] == [link["unique_clicks"] for link in links]

    stats = story.report(f"stats/email_campaigns/{campaign_id}")["results"][0]
    numbers = {name: stats["stats"][name] for name in ("em_sends", "em_opens", "em_clicks", "em_optouts", "em_bounces")}
    assert {"em_sends": sent, "em_opens": 3, "em_clicks": 2, "em_optouts": 1, "em_bounces": 0} == numbers
    assert sent - 3 == stats["stats"]["em_not_opened"]
    assert 66.7 == stats["percents"]["click"]

    summary = story.report("summary_reports/email_campaign_summaries")["bulk_email_campaign_summaries"]
    assert [(campaign_id, sent, 3, 2, 1)] == [
        (each["campaign_id"], *(each["unique_counts"][name] for name in ("sends", "opens", "clicks", "optouts")))
        for each in summary
    ]
    unsubscribed = story.http.get("/v3/contacts", params={"status": "unsubscribed"}).json()["contacts"]
    assert ["Contact"] == [each["email_address"]["opt_out_source"] for each in unsubscribed]
