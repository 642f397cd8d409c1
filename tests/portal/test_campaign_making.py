"""Making a campaign in a browser, from its name to its date: what the pages ask, what they mind, what they leave be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everpost.platform import config
from everpost.platform.db import run
from everpost.portal import campaign_times, campaign_words
from tests.campaigns.test_segment_audience import segment
from tests.portal.window import Window

SUBJECT, OTHER_SUBJECT = "Nine new arrivals", "Signed copies inside"
NEW = {"name": "Tide Table", "subject": SUBJECT, "kind": "html"}


@pytest.fixture
def new_contact(api: Any, account: Any) -> Callable[..., Any]:
    async def create(address: str, permission: str = "implicit", list_id: Any = None) -> str:
        body = {
            "email_address": {"address": address, "permission_to_send": permission}, "create_source": "Account",
            "list_memberships": [str(list_id or account.list_id)],
        }  # fmt: skip
        reply = await api.post("/v3/contacts", body)
        assert reply.status == 201, reply
        return str(reply.body["contact_id"])

    return create


async def make(owner: Window, **fields: str) -> str:
    """A new draft through the form; returns where it is."""
    await owner.open("/campaigns/new")
    await owner.press("Make the draft", **{**NEW, **fields})
    assert 200 == owner.page.status_code, owner.text
    return str(owner.page.url.path)


async def choose_list(owner: Window, place: str, list_id: Any) -> None:
    await owner.open(f"{place}/audience")
    await owner.press("Save", **{"kind": "lists", f"list:{list_id}": "on"})
    assert "Saved." in owner.text


def steps(window: Window) -> dict[str, str]:
    """The marks of the checklist by the titles of its lines."""
    return {
        node.css("strong")[0].text(): (node.attributes["class"] or "") for node in window.document.css(".checklist li")
    }


async def test_a_new_campaign_is_a_draft_whose_checklist_says_what_is_missing(
    owner: Window, account: Any, api: Any, new_contact: Any, db: Any
) -> None:
    await owner.open("/campaigns")
    assert "/campaigns/new" in owner.page.text
    place = await make(owner)
    assert "It still says what every new email says" in owner.text
    assert {"Content": "warning", "Subject and sender": "done", "Audience": "missing", "Postal address": "done",
            "Signature": "warning", "Clicks on links": "optional", "Subject test": "optional", "Resend to non-openers": "optional"} == steps(owner)  # fmt: skip
    assert "Choose who gets it." in owner.text
    assert "Send now" not in owner.text
    stored = (await api.get(f"/v3{place.replace('campaigns', 'emails')}")).body
    activity = f"/v3/emails/activities/{stored['campaign_activities'][0]['campaign_activity_id']}"
    email = (await api.get(f"{activity}?include=html_content")).body
    assert (SUBJECT, account.email, account.email, 5) == tuple(
        email[name] for name in ("subject", "from_email", "reply_to_email", "format_type")
    )
    assert "[[trackingImage]]" in email["html_content"]
    frame = await owner.client.get(f"{place}/preview")
    assert "sandbox" in frame.headers["content-security-policy"]
    assert "What is this email about?" in frame.text

    # Whoever has no permission to send, no confirmed address or no postal address is told so.
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM physical_addresses WHERE account_id = :id", id=account.account_id)
        await run(conn, "UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}'")
    config.override(dkim_required=True)
    await owner.open(place)
    marks = steps(owner)
    assert ["missing"] * 4 == [
        marks[name] for name in ("Subject and sender", "Audience", "Postal address", "Signature")
    ]
    assert "The sender address is not a confirmed address of this account." in owner.text
    assert "A postal address is missing." in owner.text
    assert "harborlane.example is not signed" in owner.text
    await owner.open(f"{place}/details")
    assert "No address of this account is confirmed yet." in owner.text


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"name": ""}, "name", "Is required."),
        ({"name": "x" * 81}, "name", "Must not be longer than 80 characters."),
        ({"name": "tide TABLE"}, "name", "Is already used by another email campaign."),
        ({"subject": " "}, "subject", "Is required."),
        ({"subject": "x" * 201}, "subject", "Must not be longer than 200 characters."),
        ({"preheader": "x" * 201}, "preheader", "Must not be longer than 200 characters."),
        ({"from_name": ""}, "from_name", "Is required."),
        ({"from_email": "else@harborlane.example"}, "from_email", "Is not a confirmed email address of this account."),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    owner: Window, typed: dict[str, str], field: str, said: str
) -> None:
    if said.startswith("Is already"):
        await make(owner)
    await owner.open("/campaigns/new")
    await owner.press("Make the draft", **{**NEW, **typed})
    assert owner.page.status_code in (400, 409)
    assert said == owner.problem_of(field)
    assert SUBJECT in owner.page.text or "subject" in typed, "what was typed is still there"


async def test_blocks_are_another_kind_of_content(owner: Window, db: Any) -> None:
    place = await make(owner, kind="blocks", name="Of blocks")
    assert "Put together from blocks" in owner.text and "It still says what every new email says" in owner.text
    assert f'{place}/content"' in owner.page.text
    assert 404 == (await owner.open(f"{place}/html")).status_code
    await owner.open(f"{place}/copy")
    await owner.press("Copy", name="Of blocks, too")
    assert "Put together from blocks" in owner.text
    assert "Of blocks, too" in owner.text
    await owner.open(f"{place}/copy")
    await owner.press("Copy", name="of BLOCKS")
    assert (409, "Is already used by another email campaign.") == (owner.page.status_code, owner.problem_of("name"))
    async with db.transaction() as conn:
        await run(conn, "UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}'")
    await owner.press("Copy", name="Of blocks, three")
    assert "The sender address is not a confirmed address of this account." in owner.text


async def test_what_mail_programs_would_clip_is_worth_a_look(owner: Window) -> None:
    place = await make(owner)
    for size_kb, mark in ((102, "done"), (110, "warning")):
        await owner.open(f"{place}/html")
        await owner.press("Save", html_content="<p>" + "x" * (size_kb * 1024 - 7) + "</p>")
        await owner.open(place)
        assert mark in steps(owner)["Content"]
    assert "It is 110 KB large: some mail programs show only the first 102 KB" in owner.text


async def test_details_name_and_source_are_changed_and_a_stale_window_is_told(owner: Window, api: Any) -> None:
    place = await make(owner)
    for page, button, field, first, second in (
        ("details", "Save", "subject", "Ten new arrivals", "Eleven new arrivals"),
        ("rename", "Rename", "name", "Tide Table 2", "Tide Table 3"),
        ("html", "Save", "html_content", "<p>One</p>", "<p>Two</p>"),
    ):
        await owner.open(f"{place}/{page}")
        stale = Window.beside(owner, owner.page)
        await owner.press(button, **{field: first})
        assert 200 == owner.page.status_code
        await stale.press(button, **{field: first})
        assert 200 == stale.page.status_code, "the same twice is no harm"
        await owner.open(f"{place}/{page}")
        stale = Window.beside(owner, owner.page)
        await owner.press(button, **{field: second})
        await stale.press(button, **{field: f"{first}, again"})
        assert 409 == stale.page.status_code, page
        assert "changed in another window meanwhile" in stale.text
        await stale.press(button)
        assert 200 == stale.page.status_code, "asked once more, it is done"
    found = (await api.get(f"/v3{place.replace('campaigns', 'emails')}")).body
    assert "Tide Table 2, again" == found["name"]
    await owner.open(f"{place}/html")
    assert '[[FirstName OR "there"]]' in owner.text, "the tags that the composer offers"
    await owner.press("Save", html_content="<p>\0</p>")
    assert "Does not have a valid value." == owner.problem_of("html_content")
    await owner.press("Save", html_content="<p>${x}</p>")
    assert (400, 'Must not contain "${".') == (owner.page.status_code, owner.problem_of("html_content"))
    await owner.press("Save", html_content="<div>" * 300)
    assert "Is too complex: it has too many elements, or they are nested too deep." == owner.problem_of("html_content")


async def test_the_audience_is_lists_or_a_segment_and_says_whom_it_reaches(
    owner: Window, account: Any, db: Any, new_contact: Any
) -> None:
    place = await make(owner)
    await new_contact("ann@reader.example")
    waiting = await new_contact("bob@reader.example")
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE contacts SET permission_to_send = 'pending_confirmation' WHERE contact_id = :id",
            id=waiting,
        )
    await owner.open(f"{place}/audience")
    assert "My Contacts" in owner.text
    await owner.press("Count first", **{"kind": "lists", f"list:{account.list_id}": "on"})
    assert "This choice, not saved yet 2 of 3 contacts would get it now." in owner.text
    assert "1 still to confirm" in owner.text
    await choose_list(owner, place, account.list_id)
    assert "2 of 3 would get it now." in owner.text
    assert "done" == steps(owner)["Audience"]
    for typed, said in (
        ({"kind": "segment", "segment_id": "999"}, "The segment was deleted meanwhile"),
        ({"kind": "lists", "list:0193a1c2-0000-7000-8000-00000000dead": "on"}, "A list was deleted meanwhile"),
    ):
        await owner.open(f"{place}/audience")
        await owner.press("Save", **typed)
        assert 400 == owner.page.status_code
        assert said in owner.text
    await owner.open(f"{place}/audience")
    assert 400 == (await owner.press("Save", segment_id="x")).status_code
    stale = Window.beside(owner, await owner.open(f"{place}/audience"))
    await owner.press("Save", kind="segment")
    assert "Choose who gets it." in owner.text
    await stale.press("Save", **{f"list:{account.list_id}": "on", "kind": "segment", "segment_id": ""})
    assert 200 == stale.page.status_code, "both chose nothing"


async def test_links_lead_onto_lists_and_copies_take_that_along(owner: Window, account: Any) -> None:
    place = await make(owner)
    await owner.open(f"{place}/links")
    assert "The content has no links that clicks are counted of." in owner.text
    await owner.open(f"{place}/html")
    html = "<html><body><a href='https://harborlane.example/{}'>A</a><a href='https://harborlane.example/b'>B</a></body></html>"
    await owner.press("Save", html_content=html.format("a"))
    stale = Window.beside(owner, await owner.open(f"{place}/links"))
    assert ["https://harborlane.example/a", "https://harborlane.example/b"] == [
        node.text(strip=True) for node in owner.document.css("main form label")
    ]
    await owner.press("Save", **{"list-0": str(account.list_id)})
    assert "Saved." in owner.text
    assert "Whoever clicks a link that you chose is put on “My Contacts”." in owner.text
    assert "done" == steps(owner)["Clicks on links"]
    await stale.press("Save", **{"list-1": str(account.list_id)})
    assert 409 == stale.page.status_code
    assert "changed in another window" in stale.text
    assert [str(account.list_id), None] == [
        chosen.attributes["value"] if (chosen := node.css_first("option[selected]")) else None
        for node in stale.document.css("select")
    ]
    await owner.open(f"{place}/copy")
    await owner.press("Copy", name="Another tide")
    assert "is put on “My Contacts”" in owner.text
    await owner.open(f"{place}/html")
    await owner.press("Save", html_content=html.format("else"))
    assert "warning" == steps(owner)["Clicks on links"]
    for wrong in ("no list", "0193a1c2-0000-7000-8000-00000000dead"):
        await owner.open(f"{place}/links")
        await owner.press("Save", **{"list-0": wrong})
        assert 400 == owner.page.status_code
    await owner.open(f"{place}/links")
    await owner.press("Save")
    assert "optional" == steps(owner)["Clicks on links"]


async def test_a_segment_is_an_audience_that_is_evaluated_when_it_is_counted(
    owner: Window, api: Any, new_contact: Any
) -> None:
    place = await make(owner)
    segment_id = await segment(api, "Ann", {"source": "contact", "field": "first_name", "op": "eq", "value": "Ann"})
    contact_id = await new_contact("ann@reader.example")
    await owner.open(f"{place}/audience")
    await owner.press("Count first", kind="segment", segment_id=str(segment_id))
    assert "0 of 0 contacts would get it now." in owner.text
    await owner.press("Save")
    assert "Goes to the segment “Ann”" in owner.text
    assert (await api.put(f"/v3/contacts/{contact_id}", {
        "email_address": {"address": "ann@reader.example", "permission_to_send": "implicit"}, "first_name": "Ann",
        "update_source": "Account"})).status == 200  # fmt: skip
    await owner.open(place)
    assert "1 of 1 would get it now." in owner.text
    assert 204 == (await api.delete(f"/v3/segments/{segment_id}")).status
    await owner.open(place)
    assert "The segment was deleted meanwhile: choose the audience again." in owner.text
    await owner.open(f"{place}/details")
    await owner.press("Save", subject="Other")
    assert "choose the audience again" in owner.text


async def test_a_subject_test_and_a_resend_are_planned_and_taken_back(owner: Window) -> None:
    place = await make(owner)
    for page, button, wrong, right, remove in (
        ("subject-test", "Test two subjects",
         {"alternative_subject": SUBJECT, "test_size": "20"}, {"alternative_subject": OTHER_SUBJECT}, "Take the test away"),
        ("resend", "Plan the resend",
         {"resend_subject": "Again", "delay_days": "11"}, {"resend_subject": "Again", "delay_days": "2"}, "Take the resend"),
    ):  # fmt: skip
        await owner.open(f"{place}/{page}")
        await owner.press(button, **wrong)
        assert 400 == owner.page.status_code, page
        assert owner.document.css_first(".field-wrong .error") is not None
        other = Window.beside(owner, owner.page)
        await owner.press(button, **right)
        assert "Saved." in owner.text
        assert "done" == steps(owner)["Subject test" if page == "subject-test" else "Resend to non-openers"]
        await other.press(button, **right)
        assert 409 == other.page.status_code
        assert "is planned already" in other.text
        await owner.open(f"{place}/{page}")
        other = Window.beside(owner, owner.page)
        await owner.press(remove)
        assert "Saved." in owner.text
        await other.press(remove)
        assert 200 == other.page.status_code
    await owner.open(f"{place}/subject-test")
    for typed, field in (({"test_size": "4"}, "test_size"), ({"test_size": "x"}, "test_size"), ({"winner_wait_duration": "5"},
                         "winner_wait_duration")):  # fmt: skip
        await owner.press("Test two subjects", alternative_subject=OTHER_SUBJECT, **typed)
        assert "Does not have a valid value." == owner.problem_of(field)


async def test_a_test_mail_goes_to_at_most_five_addresses(owner: Window, account: Any, work: Any, mailbox: Any) -> None:
    place = await make(owner)
    await owner.open(f"{place}/test-mail")
    assert account.email in owner.page.text
    await owner.press("Send the test", email_addresses="a@x.example\nnobody, b@x.example")
    assert "Holds no address that mail can be sent to: nobody." == owner.problem_of("email_addresses")
    await owner.press("Send the test", email_addresses=" ".join(f"p{n}@x.example" for n in range(6)))
    assert "Must not have more than 5 items." == owner.problem_of("email_addresses")
    await owner.press("Send the test", email_addresses="")
    assert 400 == owner.page.status_code
    await owner.press("Send the test", email_addresses="a@x.example, b@x.example", personal_message="Look & tell")
    assert "The test mail is on its way." in owner.text
    await work()
    mails = await mailbox()
    assert 2 == len(mails)
    assert b"Look &amp; tell" in mails[0].content
    for _ in range(10):
        await owner.open(f"{place}/test-mail")
        await owner.press("Send the test", email_addresses=" ".join(f"p{n}@x.example" for n in range(5)))
    assert 429 == owner.page.status_code
    assert "50 test mails a day are the most" in owner.text


async def test_a_date_is_meant_in_the_time_zone_of_the_account(
    owner: Window, api: Any, account: Any, clock: Any
) -> None:
    place = await make(owner)
    await choose_list(owner, place, account.list_id)
    activity = (await api.get(f"/v3{place.replace('campaigns', 'emails')}")).body["campaign_activities"][0]
    schedules = f"/v3/emails/activities/{activity['campaign_activity_id']}/schedules"
    await owner.open(f"{place}/schedule")
    assert "US/Eastern" in owner.text or "America/New" in owner.text
    year = clock.now().year + 1
    for date, time, field, said in (
        ("9999-12-31", "23:30", "date", "Is not a date."),
        ("tomorrow", "09:00", "date", "Is not a date."),
        (f"{year}-01-15", "noon", "time", "Is not a time."),
        ("2027-03-14", "02:30", "time", "Does not exist on that day: the clocks are put forward."),
    ):
        await owner.press("Schedule", date=date, time=time)
        assert (400, said) == (owner.page.status_code, owner.problem_of(field))
    await owner.press("Schedule", date="2001-01-01", time="09:00")
    assert "Must not be in the past." in owner.text
    stale = Window.beside(owner, owner.page)
    await owner.press("Schedule", date=f"{year}-01-15", time="09:00")
    assert f"15 January {year}, 09:00" in owner.text
    assert [{"scheduled_date": f"{year}-01-15T14:00:00.000Z"}] == (await api.get(schedules)).body
    await stale.press("Schedule", date=f"{year}-01-16", time="09:00")
    assert 400 == stale.page.status_code
    assert "The campaign is scheduled by now: unschedule it first." in stale.text
    for page, button, typed in (
        ("details", "Save", {"subject": "Other"}), ("subject-test", "Test", None), ("rename", "Rename", {"name": "Renamed"}),
    ):  # fmt: skip
        await owner.open(f"{place}/{page}")
        if typed:
            await owner.press(button, **typed)
            assert (200 if page == "rename" else 400) == owner.page.status_code, page
    await owner.open(f"{place}/delete")
    await owner.press("Delete the campaign")
    assert 400 == owner.page.status_code
    assert "unschedule it first" in owner.text
    stale = Window.beside(owner, owner.page)
    await owner.press("Unschedule")
    assert "not scheduled any more" in owner.text
    await stale.press("Unschedule")
    assert 400 == stale.page.status_code
    assert [] == (await api.get(schedules)).body


async def test_a_deleted_campaign_is_gone_also_for_a_second_window(owner: Window) -> None:
    place = await make(owner)
    stale = Window.beside(owner, await owner.open(f"{place}/delete"))
    for window in (owner, stale):
        await window.press("Delete the campaign")
        assert "The campaign is deleted." in window.text
    for path in ("", "/setup", "/report", "/details", "/preview", "/trace", "/send"):
        assert 404 == (await owner.open(f"{place}{path}")).status_code, path


async def test_every_page_asks_for_its_privilege_and_for_the_form_s_token(owner: Window, account: Any, db: Any) -> None:
    place = await make(owner)
    for path in ("", "/details", "/audience", "/html", "/send", "/schedule", "/test-mail", "/delete", "/copy"):
        assert 404 == (await owner.client.get(f"/campaigns/0193a1c2-0000-7000-8000-00000000dead{path}")).status_code
    posts = ["details", "rename", "copy", "html", "audience", "links", "subject-test", "subject-test/remove",
             "resend", "resend/remove", "test-mail", "send", "schedule", "unschedule", "pause", "resume", "cancel", "delete"]  # fmt: skip
    for path in posts:
        assert 403 == (await owner.client.post(f"{place}/{path}", data={})).status_code, path
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'campaign_creator' WHERE account_id = :id", id=account.account_id)
    pages = ["", "/setup", "/details", "/rename", "/copy", "/html", "/audience", "/links", "/subject-test", "/preview"]
    for path in pages:
        assert 200 == (await owner.client.get(f"{place}{path}")).status_code, path
    for path in ("/resend", "/test-mail", "/send", "/schedule", "/cancel", "/delete", "/report", "/trace"):
        assert 403 == (await owner.client.get(f"{place}{path}")).status_code, path
    await owner.open(place)
    assert "An account owner or manager sends it" in owner.text
    assert not {"Send now…", "Delete"} & {node.text() for node in owner.document.css("main a")}


def test_a_time_of_the_account_is_written_and_read() -> None:
    zone = campaign_times.ZoneInfo("Europe/Berlin")
    at = campaign_times.read("2026-10-25", "02:30", zone)
    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) == at.astimezone(UTC), "the first of two"
    assert "Sunday, 25 October 2026, 02:30 (Europe/Berlin)" == campaign_times.written(at, zone)
    assert ["1 day", "10 days", "12 hours", "12.5 hours"] == [
        campaign_times.delay(minutes) for minutes in (1440, 14400, 720, 750)
    ]
    assert ("status", "Something new.") == campaign_words.worded("Something new.")
    assert timedelta(hours=2) == at.utcoffset()
