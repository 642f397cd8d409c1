"""The number a contact can be texted at, the consent to it, and the history of that consent.

Rules: one number per contact, each number of one contact; another number takes the place of the old one and gets a new
id; a consent that changes leaves a row in the history. Called under the contact's lock.
Source: contract, contacts.md §3.8, §5.9.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from everpost.contacts import sms_numbers
from everpost.contacts.consent import Source
from everpost.contacts.errors import SmsTaken
from everpost.contacts.shapes import (
    HistoryDetails,
    SignUpSmsChannel,
    SignUpSmsConsent,
    SmsChannel,
    SmsChannelIn,
    SmsConsent,
    SmsHistoryEntry,
    SmsPermission,
)
from everpost.contacts.sms_numbers import Number
from everpost.ids import AccountId, ContactId, new_id
from everpost.platform.db import Conn, Taken, many, one, run, savepoint

Interval: TypeAlias = Literal["D", "W", "M"]

CONSENT_TYPE: Final = "promotional_sms"
BY_SYSTEM: Final = "SY"

_LETTERS: Final = {"explicit": "E", "unsubscribed": "O", "pending_confirmation": "P", "not_set": "N"}
_ACTIONS: Final = {
    "explicit": "opt_in",
    "unsubscribed": "opt_out",
    "pending_confirmation": "pending",
    "not_set": "not_set",
}
_INTERVALS: Final[Mapping[str, Interval]] = {
    **dict.fromkeys(("d", "day", "days", "daily"), "D"),
    **dict.fromkeys(("w", "week", "weeks", "weekly"), "W"),
    **dict.fromkeys(("m", "month", "months", "monthly"), "M"),
}


class Wish(Struct, frozen=True, kw_only=True):
    """What a request wants a contact's channel to be, whichever way it came."""

    number: Number
    permission: SmsPermission
    medium: str = BY_SYSTEM
    url: str | None = None
    details: str | None = None
    frequency: int | None = None
    interval: Interval | None = None


class StoredChannel(Struct):
    """A row of `sms_channels`, in the order of its columns."""

    contact_id: ContactId
    sms_channel_id: UUID
    dial_code: str
    sms_address: str
    country_code: str
    create_source: Source
    update_source: Source | None
    permission: SmsPermission
    opt_in_date: datetime | None
    opt_out_date: datetime | None
    advertised_frequency: int | None
    advertised_interval: str | None
    consent_created_at: datetime
    consent_updated_at: datetime


def problems(given: SmsChannelIn | SignUpSmsChannel | None) -> list[str]:
    """What is wrong with a channel beyond its shape."""
    if given is None:
        return []
    member = "full_sms_address" if isinstance(given, SmsChannelIn) else "sms_address"
    found = [] if _number(given) else [f"sms_channel[{member}] is invalid"]
    for place, consent in enumerate(given.sms_channel_consents):
        if isinstance(consent, SignUpSmsConsent) and _interval(consent.advertised_interval) is UNSET:
            name = f"sms_channel[sms_channel_consents][{place}][advertised_interval]"
            found.append(f"{name} does not have a valid value")
    return found


def read(given: SmsChannelIn | SignUpSmsChannel) -> Wish:
    """What a request wants; ask `problems` first. Of several consents the last counts: there is but one type."""
    number = _number(given)
    assert number is not None
    consent = given.sms_channel_consents[-1]
    if not isinstance(consent, SignUpSmsConsent):
        return Wish(number=number, permission=consent.sms_consent_permission, details=consent.consent_medium_details)
    return Wish(
        number=number,
        permission=consent.sms_consent_permission,
        medium=consent.consent_medium_type,
        url=consent.consent_medium_url,
        details=consent.consent_medium_details,
        frequency=consent.advertised_frequency,
        interval=_interval(consent.advertised_interval) or None,
    )


async def take(
    conn: Conn, account_id: AccountId, contact_id: ContactId, wish: Wish, *, source: Source, now: datetime
) -> None:
    """Give a contact this channel. Raises: SmsTaken."""
    held = await find(conn, account_id, contact_id)
    if held is not None and (held.dial_code, held.sms_address) != (wish.number.dial_code, wish.number.sms_address):
        await _delete(conn, account_id, contact_id)
        held = None
    channel = _changed(held, wish, source, now=now) if held else _new(contact_id, wish, source, now=now)
    try:
        async with savepoint(conn):
            await _write(conn, account_id, channel)
    except Taken as error:
        raise SmsTaken(contact_id=await owner_of(conn, account_id, wish.number)) from error
    if held is None or _consent(channel) != _consent(held):
        await _append(conn, account_id, channel, wish, source, now=now)


async def owner_of(conn: Conn, account_id: AccountId, number: Number) -> ContactId | None:
    """Whose number it is, deleted contacts included."""
    owner = await one(
        conn,
        UUID,
        """SELECT contact_id FROM sms_channels
            WHERE account_id = :account_id AND dial_code = :dial_code AND sms_address = :sms_address""",
        account_id=account_id,
        dial_code=number.dial_code,
        sms_address=number.sms_address,
    )
    return None if owner is None else ContactId(owner)


async def find(conn: Conn, account_id: AccountId, contact_id: ContactId) -> StoredChannel | None:
    return (await of_contacts(conn, account_id, [contact_id])).get(contact_id)


async def of_contacts(
    conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]
) -> dict[ContactId, StoredChannel]:
    """Who has none is left out."""
    rows = await many(
        conn,
        StoredChannel,
        """SELECT contact_id, sms_channel_id, dial_code, sms_address, country_code, create_source, update_source,
                  permission, opt_in_date, opt_out_date, advertised_frequency, advertised_interval,
                  consent_created_at, consent_updated_at
             FROM sms_channels
            WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
    return {row.contact_id: row for row in rows}


async def shown(conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]) -> dict[ContactId, SmsChannel]:
    """The channels of a page of contacts as they go out."""
    return {contact_id: _wire(row) for contact_id, row in (await of_contacts(conn, account_id, contact_ids)).items()}


async def history(conn: Conn, account_id: AccountId, contact_id: ContactId) -> list[SmsHistoryEntry]:
    """Every change of the consent, newest first."""
    return await many(
        conn,
        SmsHistoryEntry,
        """SELECT contact_id, sms_channel_id, sms_channel_history_id, insert_time, history_details
             FROM sms_consent_history
            WHERE account_id = :account_id AND contact_id = :contact_id
            ORDER BY insert_time DESC, sms_channel_history_id DESC""",
        account_id=account_id,
        contact_id=contact_id,
    )


def _number(given: SmsChannelIn | SignUpSmsChannel) -> Number | None:
    if isinstance(given, SmsChannelIn):
        return sms_numbers.split(given.full_sms_address)
    return sms_numbers.join(given.dial_code, given.sms_address, given.country_code)


def _interval(word: str | None) -> Interval | UnsetType | None:
    """The letter of `weekly`; None of nothing, UNSET of a word that is none."""
    return _INTERVALS.get(word.strip().lower(), UNSET) if word else None


def _new(contact_id: ContactId, wish: Wish, source: Source, *, now: datetime) -> StoredChannel:
    is_in, is_out = wish.permission == "explicit", wish.permission == "unsubscribed"
    return StoredChannel(
        contact_id=contact_id,
        sms_channel_id=new_id(),
        dial_code=wish.number.dial_code,
        sms_address=wish.number.sms_address,
        country_code=wish.number.country_code,
        create_source=source,
        update_source=None,
        permission=wish.permission,
        opt_in_date=now if is_in else None,
        opt_out_date=now if is_out else None,
        advertised_frequency=wish.frequency,
        advertised_interval=wish.interval,
        consent_created_at=now,
        consent_updated_at=now,
    )


def _changed(held: StoredChannel, wish: Wish, source: Source, *, now: datetime) -> StoredChannel:
    """The same number with what is new about it; an opt-out keeps the opt-in as history."""
    new = _new(held.contact_id, wish, source, now=now)
    new.sms_channel_id, new.consent_created_at = held.sms_channel_id, held.consent_created_at
    new.create_source, new.update_source = held.create_source, source
    if wish.frequency is None and wish.interval is None:
        new.advertised_frequency, new.advertised_interval = held.advertised_frequency, held.advertised_interval
    if wish.permission == "unsubscribed":
        new.opt_in_date = held.opt_in_date
    if wish.permission == held.permission:
        new.opt_in_date, new.opt_out_date = held.opt_in_date, held.opt_out_date
    if _consent(new) == _consent(held):
        new.consent_updated_at = held.consent_updated_at
    return new


def _consent(row: StoredChannel) -> tuple[object, ...]:
    return row.permission, row.advertised_frequency, row.advertised_interval


def _wire(row: StoredChannel) -> SmsChannel:
    consent = SmsConsent(
        sms_consent_permission=row.permission,
        consent_type=CONSENT_TYPE,
        opt_in_date=row.opt_in_date,
        opt_out_date=row.opt_out_date,
        advertised_frequency=None if row.advertised_frequency is None else str(row.advertised_frequency),
        advertised_interval=row.advertised_interval,
        created_at=row.consent_created_at,
        updated_at=row.consent_updated_at,
    )
    return SmsChannel(
        sms_channel_id=row.sms_channel_id,
        sms_address=row.sms_address,
        dial_code=row.dial_code,
        country_code=row.country_code,
        create_source=row.create_source,
        update_source=row.update_source,
        sms_channel_consents=[consent],
    )


async def _delete(conn: Conn, account_id: AccountId, contact_id: ContactId) -> None:
    await run(
        conn,
        "DELETE FROM sms_channels WHERE account_id = :account_id AND contact_id = :contact_id",
        account_id=account_id,
        contact_id=contact_id,
    )


async def _write(conn: Conn, account_id: AccountId, row: StoredChannel) -> None:
    await run(
        conn,
        """INSERT INTO sms_channels (account_id, contact_id, sms_channel_id, dial_code, sms_address, country_code,
                                     create_source, update_source, permission, opt_in_date, opt_out_date,
                                     advertised_frequency, advertised_interval, consent_created_at,
                                     consent_updated_at)
           VALUES (:account_id, :contact_id, :sms_channel_id, :dial_code, :sms_address, :country_code,
                   :create_source, :update_source, :permission, :opt_in_date, :opt_out_date,
                   :advertised_frequency, :advertised_interval, :consent_created_at, :consent_updated_at)
               ON CONFLICT (account_id, contact_id) DO UPDATE
              SET update_source = excluded.update_source, permission = excluded.permission,
                  country_code = excluded.country_code, opt_in_date = excluded.opt_in_date,
                  opt_out_date = excluded.opt_out_date, advertised_frequency = excluded.advertised_frequency,
                  advertised_interval = excluded.advertised_interval,
                  consent_updated_at = excluded.consent_updated_at""",
        account_id=account_id,
        **msgspec.structs.asdict(row),
    )


async def _append(
    conn: Conn, account_id: AccountId, row: StoredChannel, wish: Wish, source: Source, *, now: datetime
) -> None:
    details = HistoryDetails(
        state=_LETTERS[row.permission],
        source=source[0],
        consent_type=CONSENT_TYPE,
        consent_action_time=now.strftime("%Y-%m-%d %H:%M:%S%z"),
        consent_action_type=_ACTIONS[row.permission],
        consent_medium_type=wish.medium,
        source_sms_number=wish.number.digits,
        advertised_frequency=row.advertised_frequency,
        advertised_interval=row.advertised_interval,
    )
    await run(
        conn,
        """INSERT INTO sms_consent_history (account_id, contact_id, sms_channel_history_id, sms_channel_id, insert_time,
                                            history_details, consent_medium_url, consent_medium_details)
           VALUES (:account_id, :contact_id, :sms_channel_history_id, :sms_channel_id, :now,
                   :details, :url, :details_shown)""",
        account_id=account_id,
        contact_id=row.contact_id,
        sms_channel_history_id=new_id(),
        sms_channel_id=row.sms_channel_id,
        now=now,
        details=details,
        url=wish.url,
        details_shown=wish.details,
    )
