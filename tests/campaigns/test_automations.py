"""Welcome, birthday and anniversary mails. Source: contract, campaigns §8; contacts §4.5."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from everpost.campaigns import automation_runs, automations
from everpost.campaigns.automation_runs import CannotBeSent
from everpost.campaigns.automations import Automation, ListHasWelcome, NewAutomation, UnknownList, WrongOccasion
from everpost.contacts import consent_settings
from everpost.ids import ListId, new_id
from everpost.platform import clock as platform_clock
from everpost.platform import config
from everpost.platform.db import Db, many, one
from everpost.platform.errors import Invalid
from tests.campaigns.conftest import parsed, shown

HTML = "<html><body>[[trackingImage]]<p>Dear [[FirstName OR &quot;you&quot;]]</p><a href='https://x.example/a'>A</a></body></html>"

Make = Callable[..., Awaitable[Automation]]
Read = Callable[[], Awaitable[list[str]]]


@pytest.fixture
def new_automation(account: Any) -> Callable[..., NewAutomation]:
    def make(kind: Any, subject: str = "Hello [[FirstName]]", **members: Any) -> NewAutomation:
        return NewAutomation(
            kind=kind,
            from_name="Harbor Lane Books",
            from_email=account.email,
            reply_to_email=account.email,
            subject=subject,
            **{"html_content": HTML, **members},
        )

    return make


@pytest.fixture
def make(db: Db, account: Any, new_automation: Any) -> Make:
    """Makes an automation and switches it on."""

    async def create(*arguments: Any, **members: Any) -> Automation:
        async with db.transaction() as conn:
            made = await automations.create(conn, account.account_id, new_automation(*arguments, **members))
            await automation_runs.switch(conn, account.account_id, made.automation_id, is_on=True)
        return made

    return create


@pytest.fixture
def sent(mailbox: Any) -> Read:
    """`Subject to address` of every mail so far."""

    async def read() -> list[str]:
        mails = [parsed(mail) for mail in await mailbox()]
        return [f"{mail['Subject']} to {mail['To']}" for mail in mails]

    return read


async def new_list(api: Any, name: str) -> ListId:
    return ListId(UUID((await api.post("/v3/contact_lists", {"name": name})).body["list_id"]))


def contact(address: str, *lists: Any, source: str = "Contact", **members: Any) -> dict[str, Any]:
    named = {"email_address": {"address": address}, "create_source": source, **members}
    return {**named, "list_memberships": [str(each) for each in lists]}


async def test_who_switches_off_and_who_writes_at_the_same_moment_undo_nothing(
    make: Make, new_automation: Any, db: Db, account: Any
) -> None:
    made = await make("birthday", "Before")

    async def switch_off() -> None:
        async with db.transaction() as other:
            await automation_runs.switch(other, account.account_id, made.automation_id, is_on=False)

    async with db.transaction() as conn:
        said = new_automation("birthday", "After")
        await automations.replace(conn, account.account_id, made.automation_id, said)
        late = asyncio.create_task(switch_off())
        async with db.reader() as looking:
            while not await one(looking, int, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                await asyncio.sleep(0.01)
    await late
    async with db.reader() as conn:
        found = await automations.get(conn, account.account_id, made.automation_id)
    assert ("After", False) == (found.subject, found.is_on)


async def test_who_joins_by_themselves_is_welcomed_once_in_their_life(
    api: Any, make: Make, work: Any, sent: Read, mailbox: Any, db: Db
) -> None:
    zebra, apple = await new_list(api, "Zebra"), await new_list(api, "apple")
    await make("welcome", "Zebra", list_id=zebra)
    welcome = await make("welcome", "Apple, [[FirstName]]", list_id=apple)
    made = await api.post("/v3/contacts", contact("ann@example.com", zebra, apple, first_name="Ann"))
    await api.post("/v3/contacts", contact("bob@example.com", apple, source="Account"))
    imported = {"list_ids": [str(apple)], "import_data": [{"email": "eve@example.com"}]}
    await api.post("/v3/activities/contacts_json_import", imported)
    await work()
    assert ["Apple, Ann to ann@example.com"] == await sent()
    (mail,) = await mailbox()
    message = parsed(mail)
    assert "auto-generated" == message["Auto-Submitted"]
    assert "/u/" in message["List-Unsubscribe"] and message["List-Unsubscribe-Post"]
    assert str(welcome.automation_id) == message["X-Campaign-Activity-Id"]
    html = shown(mail)
    assert all(part in html for part in ("/o/", "/c/", "Unsubscribe ann@example.com", "Dear Ann"))
    async with db.reader() as conn:
        assert [welcome.automation_id] == await many(conn, type(new_id()), "SELECT campaign_activity_id FROM sends")
    path = f"/v3/contacts/{made.body['contact_id']}"
    for lists in ([], [str(apple)]):
        await api.put(path, {"update_source": "Contact", "first_name": "Ann", "list_memberships": lists})
    await work()
    assert 1 == len(await sent())


async def test_with_confirmed_opt_in_the_welcome_waits_for_it(
    api: Any, account: Any, make: Make, work: Any, sent: Read, mailbox: Any, db: Db
) -> None:
    list_id = await new_list(api, "Readers")
    await make("welcome", "Welcome", list_id=list_id)
    async with db.transaction() as conn:
        await consent_settings.set_opt_in_confirmed(conn, account.account_id, is_on=True)
    await api.post("/v3/contacts", contact("ann@example.com", list_id))
    await work()
    (question,) = await mailbox()
    text = str(parsed(question).get_content())
    await api.anonymous().client.post("/confirm/" + text.partition("/confirm/")[2].split()[0])
    await work()
    assert "Welcome to ann@example.com" in await sent()


async def test_what_is_off_deleted_or_not_in_order_sends_nothing(
    api: Any, account: Any, make: Make, new_automation: Any, work: Any, sent: Read, db: Db
) -> None:
    list_id = await new_list(api, "Readers")
    made = await make("welcome", list_id=list_id)
    async with db.transaction() as conn:
        await automation_runs.switch(conn, account.account_id, made.automation_id, is_on=False)
    await api.post("/v3/contacts", contact("ann@example.com", list_id))
    await work()
    async with db.transaction() as conn:
        too_long = new_automation(
            "welcome", list_id=list_id, html_content=f'<a href="https://x.example/{"a" * 1000}">A</a>'
        )
        await automations.replace(conn, account.account_id, made.automation_id, too_long)
        await automation_runs.switch(conn, account.account_id, made.automation_id, is_on=True)
    await api.post("/v3/contacts", contact("bob@example.com", list_id))
    await work()
    async with db.transaction() as conn:
        await automations.delete(conn, account.account_id, made.automation_id)
    await api.post("/v3/contacts", contact("eve@example.com", list_id))
    await work()
    assert [] == await sent()


async def at_nine(work: Any, day: date) -> None:
    """New York's morning of that day."""
    target = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    platform_clock.move(target - platform_clock.now())
    await work()


async def test_birthdays_are_celebrated_once_a_year_in_the_morning(
    api: Any, make: Make, work: Any, sent: Read, clock: Any
) -> None:
    platform_clock.stop(datetime(2026, 2, 20, 8, tzinfo=UTC))
    for address, month, day in (("ann@example.com", 2, 27), ("leap@example.com", 2, 29), ("bob@example.com", 3, 1)):
        birthday = {"birthday_month": month, "birthday_day": day}
        await api.post("/v3/contacts", contact(address, source="Account", **birthday))
    gone = await api.post("/v3/contacts", contact("gone@example.com", birthday_month=2, birthday_day=27))
    unsubscribed = {"address": "gone@example.com", "permission_to_send": "unsubscribed"}
    birthday = {"birthday_month": 2, "birthday_day": 27}
    await api.put(
        f"/v3/contacts/{gone.body['contact_id']}",
        {"update_source": "Contact", "email_address": unsubscribed, **birthday},
    )
    await make("birthday", "Today")
    await make("birthday", "Soon", days_before=2)
    await work()
    assert [] == await sent()
    for day in range(21, 29):
        await at_nine(work, date(2026, 2, day))
        await work()
    expected = [
        "Soon to ann@example.com", "Soon to leap@example.com", "Today to ann@example.com", "Soon to bob@example.com",
        "Today to leap@example.com",
    ]  # fmt: skip
    assert sorted(expected) == sorted(await sent())
    await at_nine(work, date(2027, 2, 26))
    await at_nine(work, date(2027, 2, 27))
    assert 2 == (await sent()).count("Today to ann@example.com")


async def test_an_anniversary_counts_from_its_year_on(api: Any, make: Make, work: Any, sent: Read, clock: Any) -> None:
    platform_clock.stop(datetime(2026, 5, 1, 8, tzinfo=UTC))
    for address, anniversary in (
        ("old@example.com", "2001-05-03"), ("today@example.com", "2026-05-03"), ("later@example.com", "2027-05-03"),
        ("other@example.com", "2001-06-03"),
    ):  # fmt: skip
        await api.post("/v3/contacts", contact(address, source="Account", anniversary=anniversary))
    await make("anniversary", "Years")
    for day in (2, 3, 4):
        await at_nine(work, date(2026, 5, day))
    assert ["Years to old@example.com", "Years to today@example.com"] == sorted(await sent())


async def test_days_without_a_worker_are_made_up_for_and_a_job_may_run_twice(
    api: Any, account: Any, db: Db, make: Make, work: Any, sent: Read, clock: Any
) -> None:
    platform_clock.stop(datetime(2026, 5, 1, 8, tzinfo=UTC))
    for day in (2, 14, 15, 16):
        birthday = {"birthday_month": 5, "birthday_day": day}
        await api.post("/v3/contacts", contact(f"may{day}@example.com", source="Account", **birthday))
    made = await make("birthday", "Day")
    await at_nine(work, date(2026, 5, 16))
    # The first day's job had been waiting all the time; the days after it are made up for, as far as they are recent.
    assert {f"Day to may{day}@example.com" for day in (14, 15, 16)} == set(await sent())
    await automation_runs.celebrate(db, account.account_id, made.automation_id, date(2026, 5, 15))
    await work()
    assert 3 == len(await sent())


async def test_a_welcome_that_is_made_again_is_the_same_one(
    api: Any, account: Any, db: Db, make: Make, work: Any, sent: Read
) -> None:
    list_id = await new_list(api, "Readers")
    first = await make("welcome", "First", list_id=list_id)
    made = await api.post("/v3/contacts", contact("ann@example.com", list_id))
    await work()
    async with db.transaction() as conn:
        await automations.delete(conn, account.account_id, first.automation_id)
    await make("welcome", "Second", list_id=list_id)
    for lists in ([], [str(list_id)]):
        change = {"update_source": "Contact", "first_name": "Ann", "list_memberships": lists}
        await api.put(f"/v3/contacts/{made.body['contact_id']}", change)
    await api.post("/v3/contacts", contact("bob@example.com", list_id))
    await work()
    assert ["First to ann@example.com", "Second to bob@example.com"] == sorted(await sent())


async def test_an_account_that_moves_west_celebrates_at_its_new_nine(
    api: Any, make: Make, work: Any, sent: Read, clock: Any
) -> None:
    platform_clock.stop(datetime(2026, 5, 1, 20, tzinfo=UTC))
    for day in (2, 3):
        birthday = {"birthday_month": 5, "birthday_day": day}
        await api.post("/v3/contacts", contact(f"may{day}@example.com", source="Account", **birthday))
    await make("birthday", "Day")
    await api.put("/v3/account/summary", {"time_zone_id": "US/Pacific"})
    for day, hour, expected in ((2, 14, 0), (2, 15, 0), (2, 16, 1), (3, 15, 1), (3, 16, 2)):
        platform_clock.move(datetime(2026, 5, day, hour, 0, 30, tzinfo=UTC) - platform_clock.now())
        await work()
        assert expected == len(await sent()), (day, hour)


async def test_what_could_not_be_sent_is_not_switched_on(
    api: Any, account: Any, db: Db, new_automation: Any, settings: Any
) -> None:
    async def switch_on(new: NewAutomation) -> None:
        async with db.transaction() as conn:
            made = await automations.create(conn, account.account_id, new)
            await automation_runs.switch(conn, account.account_id, made.automation_id, is_on=True)

    config.override(dkim_required=True)
    with pytest.raises(CannotBeSent, match="No key signs mail"):
        await switch_on(new_automation("birthday"))
    config.override(dkim_required=False)
    async with db.transaction() as conn:
        await conn.execute("DELETE FROM physical_addresses")
    with pytest.raises(CannotBeSent, match="postal address"):
        await switch_on(new_automation("birthday"))
    async with db.reader() as conn:
        assert [] == await automations.every_one(conn, account.account_id)


async def test_what_makes_no_sense_is_refused(api: Any, account: Any, db: Db, new_automation: Any) -> None:
    list_id = await new_list(api, "Readers")
    cases = [
        (new_automation("welcome"), WrongOccasion),
        (new_automation("welcome", list_id=list_id, days_before=1), WrongOccasion),
        (new_automation("birthday", list_id=list_id), WrongOccasion),
        (new_automation("welcome", list_id=new_id()), UnknownList),
        (new_automation("birthday", html_content="${x}"), Invalid),
        (new_automation("birthday", html_content="a\x00b"), Invalid),
        (new_automation("birthday", "One line\r\nBcc: eve@example.com"), Invalid),
        (new_automation("birthday", " "), Invalid),
        (new_automation("birthday", "s" * 201), Invalid),
        (new_automation("birthday", days_before=15), Invalid),
    ]
    for new, error in cases:
        async with db.transaction() as conn:
            with pytest.raises(error):
                await automations.create(conn, account.account_id, new)
    async with db.transaction() as conn:
        await automations.create(conn, account.account_id, new_automation("welcome", list_id=list_id))
        with pytest.raises(ListHasWelcome):
            await automations.create(conn, account.account_id, new_automation("welcome", list_id=list_id))
