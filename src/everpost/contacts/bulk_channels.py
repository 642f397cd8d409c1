"""Text message channels of many contacts at once: what an import reads and writes.

Rules: North American numbers only; a consent is only ever strengthened, and one that was taken back stays so, with the
number it was for; whatever changes leaves a row in the history. Called under the locks of the contacts.
Source: contract, bulk-activities.md §3.3, contacts.md §3.8, §5.9.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final

import msgspec
from msgspec import Struct

from everpost.contacts import sms_channels
from everpost.contacts.shapes import HistoryDetails
from everpost.contacts.sms_channels import StoredChannel
from everpost.ids import AccountId, ContactId, new_id
from everpost.platform.db import Conn, many, run

_DIAL_CODE: Final = "1"
_COUNTRY: Final = "US"
_BY_FILE_IMPORT: Final = "FI"


class Reachable(Struct):
    """Somebody who is known by an address or a number."""

    contact_id: ContactId
    email_key: str | None
    is_unsubscribed: bool
    number: str | None  # the national one


class Wish(Struct, frozen=True):
    """What a contact's channel shall be; with a date there is an explicit consent of that day."""

    contact_id: ContactId
    number: str
    consent_date: date | None
    consent_date_as_sent: str | None


async def find(conn: Conn, account_id: AccountId, email_keys: Sequence[str], numbers: Sequence[str]) -> list[Reachable]:
    """Who has one of these addresses or numbers, deleted contacts included."""
    return await many(
        conn,
        Reachable,
        """SELECT contacts.contact_id, email_key,
                  coalesce(permission_to_send = 'unsubscribed', false) AS is_unsubscribed, sms_address AS number
             FROM contacts
             LEFT JOIN sms_channels ON sms_channels.account_id = :account_id
                                   AND sms_channels.contact_id = contacts.contact_id AND dial_code = :dial_code
            WHERE contacts.account_id = :account_id
              AND (email_key = ANY(:email_keys::text[])
                   OR contacts.contact_id = ANY(ARRAY(
                          SELECT contact_id FROM sms_channels
                           WHERE account_id = :account_id AND dial_code = :dial_code
                             AND sms_address = ANY(:numbers::text[]))))""",
        account_id=account_id,
        email_keys=email_keys,
        numbers=numbers,
        dial_code=_DIAL_CODE,
    )


async def take(conn: Conn, account_id: AccountId, wishes: Sequence[Wish], *, now: datetime) -> list[ContactId]:
    """Give contacts their channels; returns whose changed. Raises: Taken, when somebody else has a number by now."""
    held = await sms_channels.of_contacts(conn, account_id, [wish.contact_id for wish in wishes])
    found = [(wish, _changed(held.get(wish.contact_id), wish, now=now)) for wish in wishes]
    changed = [(wish, channel) for wish, channel in found if channel is not None]
    if not changed:
        return []
    await _write(conn, account_id, [channel for _, channel in changed])
    await _append(conn, account_id, changed, now=now)
    return [wish.contact_id for wish, _ in changed]


def _changed(held: StoredChannel | None, wish: Wish, *, now: datetime) -> StoredChannel | None:
    """The channel after a wish; None when nothing is to change."""
    is_same = held is not None and (held.dial_code, held.sms_address) == (_DIAL_CODE, wish.number)
    if held is not None and (
        held.permission == "unsubscribed" or (is_same and (held.permission == "explicit" or wish.consent_date is None))
    ):
        return None
    new = StoredChannel(
        contact_id=wish.contact_id,
        sms_channel_id=new_id(),
        dial_code=_DIAL_CODE,
        sms_address=wish.number,
        country_code=_COUNTRY,
        create_source="Account",
        update_source=None,
        permission="explicit" if wish.consent_date else "not_set",
        opt_in_date=_midnight(wish.consent_date),
        opt_out_date=None,
        advertised_frequency=None,
        advertised_interval=None,
        consent_created_at=now,
        consent_updated_at=now,
    )
    if held is not None and is_same:
        new.sms_channel_id, new.create_source, new.update_source = held.sms_channel_id, held.create_source, "Account"
        new.advertised_frequency, new.advertised_interval = held.advertised_frequency, held.advertised_interval
        new.consent_created_at = held.consent_created_at
    return new


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), tzinfo=UTC)


async def _write(conn: Conn, account_id: AccountId, channels: Sequence[StoredChannel]) -> None:
    columns = {name: [getattr(row, name) for row in channels] for name in StoredChannel.__struct_fields__}
    await run(
        conn,
        """INSERT INTO sms_channels (account_id, contact_id, sms_channel_id, dial_code, sms_address, country_code,
                                     create_source, update_source, permission, opt_in_date, opt_out_date,
                                     advertised_frequency, advertised_interval, consent_created_at,
                                     consent_updated_at)
           SELECT :account_id, * FROM unnest(
                      :contact_id::uuid[], :sms_channel_id::uuid[], :dial_code::text[], :sms_address::text[],
                      :country_code::text[], :create_source::text[], :update_source::text[], :permission::text[],
                      :opt_in_date::timestamptz[], :opt_out_date::timestamptz[], :advertised_frequency::integer[],
                      :advertised_interval::text[], :consent_created_at::timestamptz[],
                      :consent_updated_at::timestamptz[])
               ON CONFLICT (account_id, contact_id) DO UPDATE
              SET sms_channel_id = excluded.sms_channel_id, dial_code = excluded.dial_code,
                  sms_address = excluded.sms_address, country_code = excluded.country_code,
                  create_source = excluded.create_source, update_source = excluded.update_source,
                  permission = excluded.permission, opt_in_date = excluded.opt_in_date,
                  opt_out_date = excluded.opt_out_date, advertised_frequency = excluded.advertised_frequency,
                  advertised_interval = excluded.advertised_interval,
                  consent_created_at = excluded.consent_created_at, consent_updated_at = excluded.consent_updated_at""",
        account_id=account_id,
        **columns,
    )


async def _append(
    conn: Conn, account_id: AccountId, changed: Sequence[tuple[Wish, StoredChannel]], *, now: datetime
) -> None:
    await run(
        conn,
        """INSERT INTO sms_consent_history (account_id, contact_id, sms_channel_history_id, sms_channel_id, insert_time,
                                            history_details)
           SELECT :account_id, contact_id, history_id, channel_id, :now, details::jsonb
             FROM unnest(:contact_ids::uuid[], :history_ids::uuid[], :channel_ids::uuid[], :details::text[])
                  AS entry (contact_id, history_id, channel_id, details)""",
        account_id=account_id,
        contact_ids=[channel.contact_id for _, channel in changed],
        history_ids=[new_id() for _ in changed],
        channel_ids=[channel.sms_channel_id for _, channel in changed],
        details=[msgspec.json.encode(_details(wish, channel, now=now)).decode() for wish, channel in changed],
        now=now,
    )


def _details(wish: Wish, channel: StoredChannel, *, now: datetime) -> HistoryDetails:
    is_in = channel.permission == "explicit"
    return HistoryDetails(
        state="E" if is_in else "N",
        source="A",
        consent_type=sms_channels.CONSENT_TYPE,
        consent_action_time=(channel.opt_in_date or now).strftime("%Y-%m-%d %H:%M:%S%z"),
        consent_action_type="opt_in" if is_in else "not_set",
        consent_medium_type=_BY_FILE_IMPORT,
        source_consent_timestamp=wish.consent_date_as_sent if is_in else None,
        source_sms_number=channel.dial_code + channel.sms_address,
        advertised_frequency=channel.advertised_frequency,
        advertised_interval=channel.advertised_interval,
    )
