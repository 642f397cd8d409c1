"""Visits that no person made: recognised, kept with a flag, and taken out of every number.

Rules:
- Prefetches never count, and nothing is stored of them; neither HEAD nor OPTIONS reach the ledger at all.
- Five or more different links of one message within two seconds: all of those clicks are a machine's.
- The hidden link was requested: everything of that message within sixty seconds, before and after, is a machine's.
- Two more rules are off until the operator switches them on: whoever names a scanner or an HTTP library as its program,
  and whoever comes within two seconds after the mail was accepted, is a machine.
- An open that was only inferred from a click goes with it: both have the same id, or the same time to the microsecond.
One message's events are few, and are found by their contact. IS NOT DISTINCT FROM, which no index serves, keeps the
planner from looking among all events of the mail instead: in a storm its statistics are those of before.
Source: contract, campaigns.md §6.3.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId, EventId, UrlId
from everpost.platform import config
from everpost.platform.db import Conn, many, one, run
from everpost.tracking import counters
from everpost.tracking.counters import Counters
from everpost.tracking.device_types import DeviceType

# What speaks against a person: the hidden link, or the name that the program gave (see programs.py).
Sign: TypeAlias = Literal["honeypot", "proxy", "scanner"]

BURST_LINKS: Final = 5
BURST_WINDOW: Final = timedelta(seconds=2)
HONEYPOT_WINDOW: Final = timedelta(seconds=60)
_TOO_EARLY: Final = timedelta(seconds=2)

# As the standard has it, and as Safari and Firefox wrote it before.
_PURPOSES: Final = (b"purpose", b"sec-purpose", b"x-purpose", b"x-moz")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Message(msgspec.Struct, frozen=True):
    """One mail to one contact."""

    campaign_activity_id: CampaignActivityId
    contact_id: ContactId


class Visit(msgspec.Struct, frozen=True):
    """An open or a click of one message, as it is stored."""

    event_id: EventId
    kind: Literal["open", "click"]
    created_at: datetime
    url_id: UrlId | None = None
    device_type: DeviceType | None = None
    is_machine: bool = False
    sign: Sign | None = None


def is_prefetch(headers: Mapping[bytes, bytes]) -> bool:
    """`headers` with names in lower case. A browser that loads ahead says so; nobody has looked at anything yet."""
    if headers.keys().isdisjoint(_PURPOSES):
        return False
    return any(re.search(rb"prefetch|preview", headers.get(name, b""), re.IGNORECASE) for name in _PURPOSES)


def signs_left_out() -> list[Sign]:
    """What speaks so clearly against a person that the event counts nowhere."""
    return ["honeypot", "scanner"] if config.current().leave_out_scanners else ["honeypot"]


def too_early() -> timedelta:
    """How long after a mail was accepted no person can have come yet; nothing where the rule is off."""
    return _TOO_EARLY if config.current().leave_out_instant_visits else timedelta(0)


async def sweep(conn: Conn, account_id: AccountId, messages: msgspec.Raw, *, since: datetime) -> None:
    """Look at what happened around and after `since` to `messages`, JSON of `Message`, and take out what machines did.

    They may be thousands, nearly all of them of eager readers, so they go from statement to statement as they are.
    """
    # One order for all nodes, so that two sweeps never wait for each other.
    for message in await _conspicuous(conn, account_id, messages, since - BURST_WINDOW):
        await _lock(conn, account_id, message)
        recent = await _visits(conn, account_id, message, since=since - HONEYPOT_WINDOW - BURST_WINDOW)
        found = recognise(recent)
        if any(visit.event_id in found and not visit.is_machine for visit in recent):
            await _exclude(conn, account_id, message, found)


def recognise(visits: Sequence[Visit]) -> set[EventId]:
    """Which of one message's visits were made by a machine; those that are flagged already stay so."""
    found = {visit.event_id for visit in visits if visit.is_machine}
    clicks = sorted((visit for visit in visits if visit.kind == "click"), key=lambda click: click.created_at)
    found.update(_bursts(clicks))
    for trapped in (visit.created_at for visit in visits if visit.sign == "honeypot"):
        found.update(visit.event_id for visit in visits if abs(visit.created_at - trapped) <= HONEYPOT_WINDOW)
    clicked_at = {click.created_at for click in clicks if click.event_id in found}
    found.update(visit.event_id for visit in visits if visit.created_at in clicked_at)
    return found


def _bursts(clicks: Sequence[Visit]) -> Iterator[EventId]:
    """The clicks within windows that hold too many different links; `clicks` by time."""
    start = flagged = 0
    in_window: Counter[UrlId | None] = Counter()
    for end, click in enumerate(clicks):
        in_window[click.url_id] += 1
        while click.created_at - clicks[start].created_at > BURST_WINDOW:
            in_window[clicks[start].url_id] -= 1
            start += 1
        if len(+in_window) >= BURST_LINKS:
            yield from (clicks[number].event_id for number in range(max(start, flagged), end + 1))
            flagged = end + 1


def reckon(visits: Iterable[Visit]) -> Counters:
    """What one message's visits add to the counters of its activity."""
    moved: Counter[str] = Counter()
    for visit in visits:
        if visit.is_machine:
            moved[f"{visit.kind}s_left_out"] += 1
            continue
        moved[f"{visit.kind}s"] = 1
        moved[f"{visit.kind}s_{visit.device_type or 'none'}"] += 1
        if visit.sign is not None:
            moved[f"{visit.kind}s_{visit.sign}"] += 1
    return Counters(**moved)


async def _exclude(conn: Conn, account_id: AccountId, message: Message, machine_ids: set[EventId]) -> None:
    before = await _visits(conn, account_id, message, since=_EVER)
    machine_ids = machine_ids | {visit.event_id for visit in before if visit.is_machine}
    after = [msgspec.structs.replace(visit, is_machine=visit.event_id in machine_ids) for visit in before]
    await _flag(conn, account_id, message, machine_ids)
    if (implied := _newly_implied(after)) is not None:
        await _add_open(conn, account_id, message, implied)
        after.append(implied)
    await _rewrite_engagement(conn, account_id, message, after)
    await _rewrite_link_clicks(conn, account_id, message, after)
    was, now = msgspec.structs.asdict(reckon(before)), msgspec.structs.asdict(reckon(after))
    difference = Counters(**{name: now[name] - was[name] for name in now})
    await counters.add(conn, account_id, message.campaign_activity_id, difference)


def _newly_implied(visits: Sequence[Visit]) -> Visit | None:
    """The open that a person's click stands for, when the machine's open beside it was the only one."""
    clicks = [visit for visit in visits if visit.kind == "click" and not visit.is_machine]
    if not clicks or any(visit.kind == "open" and not visit.is_machine for visit in visits):
        return None
    first = min(clicks, key=lambda click: click.created_at)
    return Visit(first.event_id, "open", first.created_at, device_type=first.device_type, sign=first.sign)


async def _conspicuous(conn: Conn, account_id: AccountId, messages: msgspec.Raw, since: datetime) -> list[Message]:
    """Those whose hidden link was ever requested, or enough different links since then: most eager readers are not."""
    return await many(
        conn,
        Message,
        """
        SELECT message.campaign_activity_id, message.contact_id
          FROM jsonb_to_recordset(:messages) AS message (campaign_activity_id uuid, contact_id uuid)
         WHERE EXISTS (SELECT 1
                         FROM engagement
                        WHERE engagement.account_id = :account_id
                          AND engagement.campaign_activity_id = message.campaign_activity_id
                          AND engagement.contact_id = message.contact_id AND engagement.honeypot_at IS NOT NULL)
            OR :burst_links <= (SELECT count(DISTINCT event.url_id)
                                  FROM tracking_events AS event
                                 WHERE event.account_id = :account_id AND event.contact_id = message.contact_id
                                   AND event.campaign_activity_id IS NOT DISTINCT FROM message.campaign_activity_id
                                   AND event.kind = 'click' AND event.created_at >= :since)
         ORDER BY message.campaign_activity_id, message.contact_id""",
        account_id=account_id,
        messages=messages,
        burst_links=BURST_LINKS,
        since=since,
    )


async def _lock(conn: Conn, account_id: AccountId, message: Message) -> None:
    """Whoever stores a visit of this message moves its engagement first, so holding that row holds the message."""
    await one(
        conn,
        int,
        """
        SELECT opens
          FROM engagement
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND contact_id = :contact_id
           FOR UPDATE""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
    )


async def _visits(conn: Conn, account_id: AccountId, message: Message, *, since: datetime) -> list[Visit]:
    return await many(
        conn,
        Visit,
        """
        SELECT event_id, kind, created_at, url_id, device_type, is_machine, sign
          FROM tracking_events
         WHERE account_id = :account_id AND contact_id = :contact_id
           AND campaign_activity_id IS NOT DISTINCT FROM :campaign_activity_id AND kind IN ('open', 'click')
           AND created_at >= :since
         ORDER BY created_at, event_id""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        since=since,
    )


async def _flag(conn: Conn, account_id: AccountId, message: Message, event_ids: set[EventId]) -> None:
    await run(
        conn,
        """
        UPDATE tracking_events
           SET is_machine = true
         WHERE account_id = :account_id AND contact_id = :contact_id
           AND campaign_activity_id IS NOT DISTINCT FROM :campaign_activity_id
           AND event_id = ANY (:event_ids::uuid[])""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        event_ids=list(event_ids),
    )


async def _add_open(conn: Conn, account_id: AccountId, message: Message, visit: Visit) -> None:
    await run(
        conn,
        """
        INSERT INTO tracking_events (account_id, campaign_activity_id, contact_id, event_id, kind, created_at,
                                     device_type, sign)
        VALUES (:account_id, :campaign_activity_id, :contact_id, :event_id, 'open', :created_at, :device_type,
                :sign)""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        event_id=visit.event_id,
        created_at=visit.created_at,
        device_type=visit.device_type,
        sign=visit.sign,
    )


async def _rewrite_engagement(conn: Conn, account_id: AccountId, message: Message, visits: Sequence[Visit]) -> None:
    people = sorted((v for v in visits if not v.is_machine), key=lambda visit: (visit.created_at, visit.event_id))
    opens = [visit for visit in people if visit.kind == "open"]
    clicks = [visit for visit in people if visit.kind == "click"]
    await run(
        conn,
        """
        UPDATE engagement
           SET opens = :opens, clicks = :clicks, machine_clicks = :machine_clicks,
               first_opened_at = :first_opened_at, last_opened_at = :last_opened_at,
               first_clicked_at = :first_clicked_at, last_clicked_at = :last_clicked_at,
               first_open_id = :first_open_id, last_open_id = :last_open_id, first_click_id = :first_click_id
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND contact_id = :contact_id""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        opens=len(opens),
        clicks=len(clicks),
        machine_clicks=sum(visit.is_machine and visit.kind == "click" for visit in visits),
        first_opened_at=opens[0].created_at if opens else None,
        last_opened_at=opens[-1].created_at if opens else None,
        first_clicked_at=clicks[0].created_at if clicks else None,
        last_clicked_at=clicks[-1].created_at if clicks else None,
        first_open_id=opens[0].event_id if opens else None,
        last_open_id=opens[-1].event_id if opens else None,
        first_click_id=clicks[0].event_id if clicks else None,
    )


async def _rewrite_link_clicks(conn: Conn, account_id: AccountId, message: Message, visits: Sequence[Visit]) -> None:
    await run(
        conn,
        """
        WITH gone AS (
            DELETE FROM link_clicks
             WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
               AND contact_id = :contact_id AND NOT url_id = ANY (:kept::bigint[])
            RETURNING url_id)
        UPDATE links
           SET unique_clicks = unique_clicks - 1
          FROM gone
         WHERE links.account_id = :account_id AND links.campaign_activity_id = :campaign_activity_id
           AND links.url_id = gone.url_id""",
        account_id=account_id,
        campaign_activity_id=message.campaign_activity_id,
        contact_id=message.contact_id,
        kept=[visit.url_id for visit in visits if visit.kind == "click" and not visit.is_machine],
    )
