"""Small random worlds for segments: people, what they have and what happened to them, as Python values and as rows."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from everpost.ids import AccountId, new_id
from everpost.platform.db import Conn, copy_in, run

NOW = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)


def _id(number: int) -> UUID:
    return UUID(int=(0xABCD << 112) + number)


LISTS = [_id(number) for number in range(4)]  # the last one is deleted, its memberships not taken away yet
TAGS = [_id(10 + number) for number in range(4)]  # likewise
CAMPAIGNS = [_id(20 + number) for number in range(5)]
ACTIVITIES = [_id(30 + number) for number in range(6)]  # the last two belong to one campaign
UNKNOWN = _id(99)
# Newest first: from hours to more than five years ago.
SENT_AT = [NOW - timedelta(days=days) for days in (0.25, 9, 30, 45, 400, 1900)]
TIMES = [NOW - timedelta(days=days) for days in (0, 0.2, 2, 5, 10, 29.5, 30, 30.5, 44, 100, 399, 1800, 1830)]


@dataclass(frozen=True)
class Field:
    custom_field_id: UUID
    key: str
    name: str
    type: str
    version: int = 1
    choices: tuple[str, ...] = ()


FIELDS = [
    Field(_id(50), "1", "boat", "string"),
    Field(_id(51), "2", "boat_length_m", "number"),
    Field(_id(52), "3", "launched", "date", version=2),
    Field(_id(53), "4", "seen", "datetime"),
    Field(_id(54), "5", "insured", "boolean"),
    Field(_id(55), "6", "level", "single_select", choices=("Gold", "Platinum", "7")),
    Field(_id(56), "7", "hobbies", "multi_select", choices=("Sailing", "Diving", "Rowing")),
    Field(_id(57), "8", "lucky_day", "date"),
]
_CUSTOM_VALUES: dict[str, list[Any]] = {
    "1": ["Sloop", " sloop", "Åland yawl", "100%", "  "],
    "2": ["0", "8", "9.5", "12", "-3", "1000000.25"],
    "3": ["2026-03-05", "2026-03-04", "2026-02-03", "2026-02-02", "2025-12-31", "2027-01-01", "1999-02-28"],
    "4": ["2026-03-05T12:30:00Z", "2026-03-05T00:00:00Z", "2026-03-04T23:59:59Z", "2026-02-03T12:29:59Z"],
    "5": ["true", "false"],
    "6": [[1], [2], [3], [9]],  # 9 was deleted
    "7": [[1], [2], [1, 2], [1, 2, 3], [9]],
    "8": ["03/05/2026", "never"],
}


@dataclass
class Person:
    """A contact as the contract describes one; None and empty are "no value"."""

    contact_id: UUID
    is_deleted: bool = False
    columns: dict[str, Any] = field(default_factory=dict)
    phones: list[tuple[str, str]] = field(default_factory=list)
    addresses: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    lists: set[UUID] = field(default_factory=set)
    tags: set[UUID] = field(default_factory=set)
    sms: str | None = None
    sends: dict[UUID, datetime] = field(default_factory=dict)
    events: list[tuple[str, UUID, datetime]] = field(default_factory=list)  # kind, activity, when


@dataclass
class World:
    people: list[Person]
    sent: dict[UUID, datetime]  # activities that went out


def campaign_of(activity_id: UUID) -> UUID:
    return CAMPAIGNS[min(ACTIVITIES.index(activity_id), len(CAMPAIGNS) - 1)]


def make(seed: int, size: int) -> World:
    chance = random.Random(seed)
    sent = dict(zip(ACTIVITIES, SENT_AT, strict=True))
    return World([_person(chance) for _ in range(size)], {} if seed == 0 else sent)


def _person(chance: random.Random) -> Person:
    def some(values: list[Any], how_often: float = 0.6) -> Any:
        return chance.choice(values) if chance.random() < how_often else None

    person = Person(new_id(), is_deleted=chance.random() < 0.06)
    moments = [*TIMES[1:], NOW]
    columns = {
        "first_name": some(["Al", "al", "Bo", "ÇELIK", "O'Neil", ""]),
        "last_name": some(["Al", "Quade", "100%", "_"]),
        "job_title": some(["Captain", "Mate"]),
        "company_name": some(["Tide & Co", "tide"]),
        "email": some([f"p{chance.randrange(10**9)}@example.com", f"p{chance.randrange(10**9)}@gmail.com"], 0.8),
        "permission": chance.choice(["explicit", "implicit", "not_set", "temp_hold", "unsubscribed"]),
        "opt_in_source": some(["Account", "Contact"]),
        "opt_out_source": some(["Account", "Contact", "System"], 0.3),
        "opt_in_date": some(moments),
        "opt_out_date": some(moments, 0.3),
        "create_source": chance.choice(["Account", "Contact"]),
        "update_source": some(["Account", "Contact"]),
        "created_at": chance.choice(moments),
        "updated_at": chance.choice(moments),
        "birthday": some([(3, 5), (3, 4), (2, 28), (2, 29), (3, 1), (12, 31), (1, 1), (4, 2), (2, 3), (2, 2)], 0.7),
        "anniversary": some(
            [date(2026, 3, 5), date(2020, 2, 29), date(2021, 3, 1), date(2019, 12, 31), date(2026, 2, 3)], 0.7
        ),
    }
    person.columns = columns
    person.phones = [
        (chance.choice(["home", "work"]), chance.choice(["555-0100", "0171"])) for _ in range(some([1, 2]) or 0)
    ]
    person.addresses = [_address(chance) for _ in range(some([1, 2], 0.7) or 0)]
    person.notes = [chance.choice(["Called", "called back"]) for _ in range(some([1, 2], 0.3) or 0)]
    person.custom = {key: chance.choice(values) for key, values in _CUSTOM_VALUES.items() if chance.random() < 0.5}
    if not person.is_deleted:
        person.lists = {each for each in LISTS if chance.random() < 0.35}
    person.tags = {each for each in TAGS if chance.random() < 0.35}
    person.sms = some(["explicit", "unsubscribed", "pending_confirmation", "not_set"], 0.4)
    _add_events(person, chance)
    return person


def _address(chance: random.Random) -> dict[str, str]:
    address = {"kind": chance.choice(["home", "work", "other"])}
    for name, values in {
        "city": ["Salem", "SALEM", "Oslo"],
        "state": ["Maryland", "Oregon", "Ontario", "MD"],
        "postal_code": ["97301", "0150"],
        "country": ["United States", "Canada", "Norway"],
        "street": ["77 Quarry Row"],
    }.items():
        if chance.random() < 0.7:
            address[name] = chance.choice(values)
    return address


def _add_events(person: Person, chance: random.Random) -> None:
    likes = chance.random()  # so that some have opened nearly all and some nearly none
    for activity_id in ACTIVITIES:
        if chance.random() < 0.75:
            person.sends[activity_id] = SENT_AT[ACTIVITIES.index(activity_id)]
        for kind, how_often in (("open", likes), ("click", likes / 2), ("forward", 0.1)):
            if chance.random() < how_often:
                person.events += [(kind, activity_id, chance.choice(TIMES)) for _ in range(chance.choice([1, 1, 2, 3]))]
        for kind in ("bounce", "optout"):
            if chance.random() < 0.12:
                person.events.append((kind, activity_id, chance.choice(TIMES)))


async def store(conn: Conn, account_id: AccountId, world: World) -> None:
    """As the program would have stored it."""
    await copy_in(conn, "contacts", columns=_CONTACT_COLUMNS, records=[_row(account_id, each) for each in world.people])
    await copy_in(
        conn, "list_memberships", columns=("account_id", "list_id", "contact_id", "created_at"),
        records=[(account_id, each, person.contact_id, NOW) for person in world.people for each in person.lists],
    )  # fmt: skip
    await copy_in(
        conn, "contact_taggings", columns=("account_id", "tag_id", "contact_id", "created_at"),
        records=[(account_id, each, person.contact_id, NOW) for person in world.people for each in person.tags],
    )  # fmt: skip
    await copy_in(
        conn, "sends", columns=("account_id", "campaign_activity_id", "contact_id", "sent_at", "email_address"),
        records=[(account_id, each, person.contact_id, at, "") for person in world.people for each, at in person.sends.items()],
    )  # fmt: skip
    await copy_in(
        conn, "tracking_events",
        columns=("account_id", "campaign_activity_id", "kind", "created_at", "event_id", "contact_id", "is_machine"),
        records=[
            (account_id, activity_id, kind, at, new_id(), person.contact_id, False)
            for person in world.people
            for kind, activity_id, at in person.events
        ],
    )  # fmt: skip
    await copy_in(
        conn, "engagement", columns=_ENGAGEMENT_COLUMNS,
        records=[row for person in world.people for row in _engagement(account_id, person)],
    )  # fmt: skip
    await copy_in(
        conn, "sms_channels",
        columns=("account_id", "contact_id", "sms_channel_id", "dial_code", "sms_address", "country_code",
                 "create_source", "permission", "consent_created_at", "consent_updated_at"),
        records=[
            (account_id, person.contact_id, new_id(), "1", str(number), "US", "Account", person.sms, NOW, NOW)
            for number, person in enumerate(world.people)
            if person.sms
        ],
    )  # fmt: skip
    await _store_what_rules_name(conn, account_id, world)


async def _store_what_rules_name(conn: Conn, account_id: AccountId, world: World) -> None:
    for number, (list_id, tag_id) in enumerate(zip(LISTS, TAGS, strict=True)):
        await run(
            conn,
            """INSERT INTO contact_lists (account_id, list_id, name, created_at, updated_at, deleted_at)
               VALUES (:account_id, :list_id, :name, :now, :now, :gone)""",
            account_id=account_id, list_id=list_id, name=f"L{number}", now=NOW, gone=NOW if number == 3 else None,
        )  # fmt: skip
        await run(
            conn,
            """INSERT INTO contact_tags (account_id, tag_id, name, created_at, updated_at, deleted_at)
               VALUES (:account_id, :tag_id, :name, :now, :now, :gone)""",
            account_id=account_id, tag_id=tag_id, name=f"T{number}", now=NOW, gone=NOW if number == 3 else None,
        )  # fmt: skip
    for activity_id, sent_at in world.sent.items():
        await run(
            conn,
            """INSERT INTO sent_activities (account_id, campaign_activity_id, campaign_id, sent_at)
               VALUES (:account_id, :activity_id, :campaign_id, :sent_at)""",
            account_id=account_id, activity_id=activity_id, campaign_id=campaign_of(activity_id), sent_at=sent_at,
        )  # fmt: skip
    for each in FIELDS:
        choices = [
            {"choice_id": number, "choice_label": label, "display_order": number, "created_at": NOW, "updated_at": NOW}
            for number, label in enumerate(each.choices, start=1)
        ]
        await run(
            conn,
            """INSERT INTO custom_fields (account_id, custom_field_id, field_key, label, name, type, version, choices,
                                          created_at, updated_at)
               VALUES (:account_id, :custom_field_id, :key, :name, :name, :type, :version, :choices, :now, :now)""",
            account_id=account_id, custom_field_id=each.custom_field_id, key=int(each.key), name=each.name,
            type=each.type, version=each.version, choices=choices or None, now=NOW,
        )  # fmt: skip


def _row(account_id: AccountId, person: Person) -> tuple[Any, ...]:
    columns = person.columns
    email = columns["email"]
    birthday = columns["birthday"] or (None, None)
    return (
        account_id, person.contact_id, email, email, columns["permission"] if email else None,
        columns["opt_in_source"], columns["opt_out_source"], columns["opt_in_date"], columns["opt_out_date"],
        columns["first_name"], columns["last_name"], columns["job_title"], columns["company_name"], *birthday,
        columns["anniversary"], columns["create_source"], columns["update_source"], columns["created_at"],
        columns["updated_at"], NOW if person.is_deleted else None, person.custom,
        [{"kind": kind, "phone_number": number} for kind, number in person.phones], person.addresses,
        [{"content": content} for content in person.notes],
    )  # fmt: skip


def _engagement(account_id: AccountId, person: Person) -> list[tuple[Any, ...]]:
    rows = []
    for activity_id in ACTIVITIES:
        times = {kind: [at for each, where, at in person.events if (each, where) == (kind, activity_id)]
                 for kind in ("open", "click", "forward")}  # fmt: skip
        opens, clicks = times["open"], times["click"]
        if any(times.values()):
            rows.append(
                (account_id, activity_id, person.contact_id, len(opens), len(clicks), len(times["forward"]),
                 min(opens, default=None), max(opens, default=None), min(clicks, default=None), max(clicks, default=None))
            )  # fmt: skip
    return rows


_CONTACT_COLUMNS = (
    "account_id", "contact_id", "email_address", "email_key", "permission_to_send",
    "opt_in_source", "opt_out_source", "opt_in_date", "opt_out_date",
    "first_name", "last_name", "job_title", "company_name", "birthday_month", "birthday_day",
    "anniversary", "create_source", "update_source", "created_at", "updated_at", "deleted_at", "custom_values",
    "phone_numbers", "street_addresses", "notes",
)  # fmt: skip
_ENGAGEMENT_COLUMNS = (
    "account_id", "campaign_activity_id", "contact_id", "opens", "clicks", "forwards",
    "first_opened_at", "last_opened_at", "first_clicked_at", "last_clicked_at",
)  # fmt: skip
