"""Opens and clicks move every number that depends on them, once, in whatever order and company they arrive."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform import config
from everpost.platform.db import Db, many
from everpost.tracking import counters, events, ledger, links, recount, sends
from everpost.tracking.counters import Counters
from everpost.tracking.device_types import DeviceType
from everpost.tracking.hits import Hit
from everpost.tracking.machines import Sign
from everpost.tracking.sends import Send

pytestmark = pytest.mark.anyio

ACCOUNT = AccountId(new_id())
ACTIVITY = CampaignActivityId(new_id())
NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)
DEVICES: tuple[DeviceType | None, ...] = ("computer", "mobile", "tablet", "other", None)


def hit(
    contact_id: ContactId,
    *,
    after: float = 0,
    url_id: UrlId | None = None,
    device: DeviceType | None = "computer",
    activity: CampaignActivityId = ACTIVITY,
    sign: Sign | None = None,
) -> Hit:
    at = NOON + timedelta(seconds=after)
    return Hit(activity, contact_id, at, device, url_id, sign)


async def counted(db: Db, activity: CampaignActivityId = ACTIVITY) -> Counters:
    """The stored counters, after a recount said the same."""
    async with db.reader() as conn:
        recounted = await recount.counters(conn, ACCOUNT, activity)
        stored = (await counters.find(conn, ACCOUNT, [activity])).get(activity, Counters())
    names = Counters.__struct_fields__
    assert {name: getattr(recounted, name) for name in names} == {name: getattr(stored, name) for name in names}
    return recounted


async def urls(db: Db, count: int) -> list[UrlId]:
    async with db.transaction() as conn:
        known = await links.register(conn, ACCOUNT, ACTIVITY, [f"https://shop.example/{n}" for n in range(count)])
    return list(known.values())


async def test_the_first_open_of_a_contact_is_unique_and_all_count(db: Db) -> None:
    contact = ContactId(new_id())
    for after in range(3):
        await ledger.record(db, ACCOUNT, [hit(contact, after=after, device=DEVICES[after])])
    assert Counters(opens=1, opens_computer=1, opens_mobile=1, opens_tablet=1) == await counted(db)


async def test_two_opens_in_one_batch_are_one_unique_open(db: Db) -> None:
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact, after=1), hit(contact)])
    assert Counters(opens=1, opens_computer=2) == await counted(db)


async def test_a_click_of_somebody_without_an_open_is_an_open_too(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    await ledger.record(db, ACCOUNT, [hit(ContactId(new_id()), url_id=url_id, device="tablet")])
    assert Counters(opens=1, opens_tablet=1, clicks=1, clicks_tablet=1) == await counted(db)


async def test_a_click_after_an_open_is_no_further_open(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact)])
    await ledger.record(db, ACCOUNT, [hit(contact, after=1, url_id=url_id), hit(contact, after=2, url_id=url_id)])
    assert Counters(opens=1, opens_computer=1, clicks=1, clicks_computer=2) == await counted(db)


async def test_a_link_counts_each_contact_once(db: Db) -> None:
    first, second = await urls(db, 2)
    one, other = ContactId(new_id()), ContactId(new_id())
    clicks = [(one, first), (one, first), (one, second), (other, first)]
    await ledger.record(db, ACCOUNT, [hit(contact, after=n, url_id=url) for n, (contact, url) in enumerate(clicks)])
    await ledger.record(db, ACCOUNT, [hit(one, after=9, url_id=first)])
    async with db.reader() as conn:
        stored = await many(
            conn,
            int,
            "SELECT unique_clicks FROM links WHERE account_id = :account_id ORDER BY url_id",
            account_id=ACCOUNT,
        )
    assert [2, 1] == stored


async def test_a_batch_may_hold_several_activities(db: Db) -> None:
    contact, other = ContactId(new_id()), CampaignActivityId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact), hit(contact, activity=other)])
    assert [Counters(opens=1, opens_computer=1)] * 2 == [await counted(db), await counted(db, other)]


async def test_the_last_open_is_the_newest_whatever_the_order_of_arrival(db: Db) -> None:
    contact = ContactId(new_id())
    late = hit(contact, after=60)
    await ledger.record(db, ACCOUNT, [late])
    await ledger.record(db, ACCOUNT, [hit(contact, after=5)])
    async with db.reader() as conn:
        last = await many(
            conn,
            datetime,
            """
            SELECT event.created_at
              FROM engagement
              JOIN tracking_events AS event
                ON event.account_id = engagement.account_id AND event.event_id = engagement.last_open_id
             WHERE engagement.account_id = :account_id""",
            account_id=ACCOUNT,
        )
    assert [late.created_at] == last


async def test_repeating_a_send_changes_nothing(db: Db) -> None:
    rows = [Send(ACTIVITY, ContactId(new_id()), NOON, f"{n}@reader.example") for n in range(3)]
    for batch in (rows[:2], rows, rows):
        async with db.transaction() as conn:
            await sends.append(conn, ACCOUNT, batch)
    assert Counters(sends=3) == await counted(db)


async def test_an_opt_out_counts_once_and_takes_a_later_reason(db: Db) -> None:
    contact = ContactId(new_id())
    async with db.transaction() as conn:
        assert await events.append_opt_out(conn, ACCOUNT, ACTIVITY, contact, at=NOON)
        assert not await events.append_opt_out(conn, ACCOUNT, ACTIVITY, contact, at=NOON, reason="Too many")
        assert not await events.append_opt_out(conn, ACCOUNT, ACTIVITY, contact, at=NOON)
        reasons = await many(
            conn, str, "SELECT reason FROM tracking_events WHERE account_id = :account_id", account_id=ACCOUNT
        )
    assert ["Too many"] == reasons
    assert Counters(optouts=1) == await counted(db)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("B", Counters(bounces_nonexistent_address=1)),
        ("BF", Counters(bounces_nonexistent_address=1)),
        ("VB", Counters(bounces_nonexistent_address=1)),
        ("BV", Counters(bounces_nonexistent_address=1)),
        ("VV", Counters(bounces_vacation=1)),
        ("VZX", Counters(bounces_blocked=1)),
        ("S", Counters(bounces_suspended=1)),
    ],
)
@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_one_bounce_per_message_and_failures_replace_automatic_answers(
    db: Db, codes: str, expected: Counters, is_one_batch: bool
) -> None:
    contact = ContactId(new_id())
    bounces = [events.Bounce(ACTIVITY, contact, NOON + timedelta(hours=n), code) for n, code in enumerate(codes)]  # type: ignore[arg-type]
    for batch in [bounces] if is_one_batch else [[bounce] for bounce in bounces]:
        async with db.transaction() as conn:
            await events.append_bounces(conn, ACCOUNT, batch)
    assert expected == await counted(db)


async def test_complaints_and_forwards_count_contacts(db: Db) -> None:
    contact = ContactId(new_id())
    async with db.transaction() as conn:
        for _ in range(2):
            await events.append_complaint(conn, ACCOUNT, ACTIVITY, contact, at=NOON)
            await events.append_forward(conn, ACCOUNT, ACTIVITY, contact, at=NOON)
    assert Counters(abuse=1, forwards=1) == await counted(db)


async def test_the_fifth_link_within_two_seconds_makes_all_five_clicks_a_machines(db: Db) -> None:
    numbers = await urls(db, 6)
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact, after=-60, url_id=numbers[0])])
    for n in range(4):
        await ledger.record(db, ACCOUNT, [hit(contact, after=n * 0.5, url_id=numbers[n])])
    assert Counters(opens=1, opens_computer=1, clicks=1, clicks_computer=5) == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=2, url_id=numbers[4])])
    person = Counters(opens=1, opens_computer=1, clicks=1, clicks_computer=1, clicks_left_out=5)
    assert person == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=2, url_id=numbers[5])])
    assert msgspec.structs.replace(person, clicks_left_out=6) == await counted(db)
    assert [1, 0, 0, 0, 0, 0] == await _unique_clicks(db)


async def test_five_links_in_more_than_two_seconds_are_a_person(db: Db) -> None:
    contact = ContactId(new_id())
    for n, url_id in enumerate(await urls(db, 5)):
        await ledger.record(db, ACCOUNT, [hit(contact, after=n * 0.51, url_id=url_id)])
    assert Counters(opens=1, opens_computer=1, clicks=1, clicks_computer=5) == await counted(db)


async def test_the_same_link_five_times_is_a_person(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact, after=n / 10, url_id=url_id) for n in range(8)])
    assert Counters(opens=1, opens_computer=1, clicks=1, clicks_computer=8) == await counted(db)


async def test_a_machines_open_by_click_goes_with_its_click_and_a_later_person_counts(db: Db) -> None:
    numbers = await urls(db, 5)
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact, url_id=number) for number in numbers])
    assert Counters(opens_left_out=1, clicks_left_out=5) == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=90, url_id=numbers[0], device="mobile")])
    person = Counters(opens=1, opens_mobile=1, clicks=1, clicks_mobile=1, opens_left_out=1, clicks_left_out=5)
    assert person == await counted(db)


async def test_the_hidden_link_takes_out_everything_within_a_minute(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    async with db.transaction() as conn:
        trap = await links.register_honeypot(conn, ACCOUNT, ACTIVITY, "https://shop.example/")
    contact = ContactId(new_id())
    await ledger.record(db, ACCOUNT, [hit(contact, after=-61), hit(contact, after=-30)])
    await ledger.record(db, ACCOUNT, [hit(contact, after=-1, url_id=url_id)])
    await ledger.record(db, ACCOUNT, [hit(contact, url_id=trap, sign="honeypot")])
    assert Counters(opens=1, opens_computer=1, opens_left_out=1, clicks_left_out=2) == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=59), hit(contact, after=30, url_id=url_id)])
    assert Counters(opens=1, opens_computer=1, opens_left_out=2, clicks_left_out=3) == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=61), hit(contact, after=62, url_id=url_id)])
    person = Counters(opens=1, opens_computer=2, clicks=1, clicks_computer=1, opens_left_out=2, clicks_left_out=3)
    assert person == await counted(db)


async def test_scanners_are_left_out_where_the_operator_says_so(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    scanned, reader = ContactId(new_id()), ContactId(new_id())
    visits = [
        hit(scanned, sign="scanner"),
        hit(scanned, url_id=url_id, sign="scanner"),
        hit(reader, sign="proxy"),
        hit(reader, after=9, url_id=url_id),
    ]
    config.override(leave_out_scanners=True)
    await ledger.record(db, ACCOUNT, visits)
    person = Counters(opens=1, opens_computer=1, opens_proxy=1, clicks=1, clicks_computer=1)
    assert msgspec.structs.replace(person, opens_left_out=1, clicks_left_out=1) == await counted(db)
    config.override(leave_out_scanners=False)
    await ledger.record(db, ACCOUNT, visits[:1])
    both = msgspec.structs.replace(person, opens=2, opens_computer=2, opens_scanner=1)
    assert msgspec.structs.replace(both, opens_left_out=1, clicks_left_out=1) == await counted(db)


async def test_visits_right_after_the_acceptance_are_left_out_where_the_operator_says_so(db: Db) -> None:
    (url_id,) = await urls(db, 1)
    contact = ContactId(new_id())
    config.override(leave_out_instant_visits=True)
    async with db.transaction() as conn:
        await sends.append(conn, ACCOUNT, [Send(ACTIVITY, contact, NOON, "zoe@reader.example")])
    await ledger.record(db, ACCOUNT, [hit(contact, after=1.9), hit(contact, after=1.9, url_id=url_id)])
    left_out = Counters(sends=1, opens_left_out=1, clicks_left_out=1)
    assert left_out == await counted(db)
    await ledger.record(db, ACCOUNT, [hit(contact, after=2)])
    assert msgspec.structs.replace(left_out, opens=1, opens_computer=1) == await counted(db)


@pytest.mark.parametrize("seed", range(8))
async def test_counters_equal_a_recount_after_any_stream_of_events(db: Db, seed: int) -> None:
    chance = random.Random(seed)
    config.override(leave_out_scanners=seed % 2 == 1, leave_out_instant_visits=seed % 4 > 1)
    numbers = await urls(db, 7)
    async with db.transaction() as conn:
        trap = await links.register_honeypot(conn, ACCOUNT, ACTIVITY, "https://shop.example/")
    contacts = [ContactId(new_id()) for _ in range(chance.choice([1, 4, 30]))]
    async with db.transaction() as conn:
        sent = [Send(ACTIVITY, contact, NOON + timedelta(seconds=chance.random() * 60), "a@b.example")
                for contact in contacts]  # fmt: skip
        await sends.append(conn, ACCOUNT, sent)
    for step in range(60):
        batch = [_any_hit(chance, contacts, numbers, trap, step) for _ in range(chance.choice([1, 2, 10, 40]))]
        await ledger.record(db, ACCOUNT, batch)
    before = await counted(db)
    unique_clicks, engagement = await _unique_clicks(db), await _engagement(db)
    async with db.transaction() as conn:
        assert [] == await recount.differences(conn, ACCOUNT, ACTIVITY)
        await recount.repair(conn, ACCOUNT, ACTIVITY)
    assert before == await counted(db)
    assert unique_clicks == await _unique_clicks(db)
    assert engagement == await _engagement(db)


def _any_hit(chance: random.Random, contacts: list[ContactId], numbers: list[UrlId], trap: UrlId, step: int) -> Hit:
    after, contact = step * 1.3 + chance.random() * 3, chance.choice(contacts)
    device = chance.choice(DEVICES)
    sign: Sign | None = chance.choice([None, None, "proxy", "scanner"])
    match chance.choices(["open", "click", "trap"], [50, 48, 2 if len(contacts) > 1 else 0])[0]:
        case "open":
            return hit(contact, after=after, device=device, sign=sign)
        case "click":
            return hit(contact, after=after, device=device, url_id=chance.choice(numbers), sign=sign)
        case _:
            return hit(contact, after=after, device=device, url_id=trap, sign="honeypot")


async def _unique_clicks(db: Db) -> list[int]:
    async with db.reader() as conn:
        return await many(
            conn,
            int,
            "SELECT unique_clicks FROM links WHERE account_id = :account_id AND NOT is_honeypot ORDER BY url_id",
            account_id=ACCOUNT,
        )


async def _engagement(db: Db) -> list[str]:
    """What does not depend on the order of arrival."""
    async with db.reader() as conn:
        return await many(
            conn,
            str,
            """
            SELECT concat_ws(' ', contact_id, opens, clicks, machine_clicks, last_opened_at, last_open_id,
                             last_clicked_at, honeypot_at)
              FROM engagement
             WHERE account_id = :account_id
             ORDER BY contact_id""",
            account_id=ACCOUNT,
        )
