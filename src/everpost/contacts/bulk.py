"""Many contacts at once: what an import reads and writes, set by set.

Rules: people who are not known yet are copied in, which costs half of what inserting does, and the unique index refuses
a chunk in which somebody became known meanwhile. Known ones are compared where they lie, and only who differs is locked
(contacts, in the order of their ids, then memberships) and written. Everything is found by index: a plan that reads the
whole table would make each chunk slower than the last. Source: contract, bulk-activities.md §3.3.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct

from everpost.contacts import consent, stored
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform.db import Conn, copy_csv_in, many, one, run

# What a new contact of an import is given; columns that are left out have their defaults.
ALWAYS: Final = (
    "account_id", "contact_id", "email_address", "email_key", "permission_to_send", "opt_in_source", "opt_in_date",
    "confirm_status", "email_created_at", "email_updated_at", "create_source", "source_name", "created_at",
    "updated_at",
)  # fmt: skip
# What of it goes with an address: blank where there is none.
OF_ADDRESS: Final = ALWAYS[3:10]
COMPARED: Final = (
    "first_name", "last_name", "job_title", "company_name", "birthday_month", "birthday_day", "anniversary",
    "custom_values", "phone_numbers", "street_addresses",
)  # fmt: skip


FACE: Final = COMPARED[:-2]
# Between the texts of a list, and between the columns of a face; no cell holds it, as control characters are refused.
# The driver looks at each item of an array several times, which is most of what a look-up costs on this side; one long
# text is sent in no time and taken apart by the server.
SEPARATOR: Final = "\x1f"


class Known(Struct, kw_only=True):
    """Known contacts, column by column in one order; a column that was not asked for is None, as are all for nobody."""

    email_key: list[str] | None
    contact_id: list[str] | None
    is_deleted: list[bool] | None
    is_unsubscribed: list[bool] | None
    first_name: list[str | None] | None
    last_name: list[str | None] | None
    job_title: list[str | None] | None
    company_name: list[str | None] | None
    birthday_month: list[int | None] | None
    birthday_day: list[int | None] | None
    anniversary: list[date | None] | None
    custom_values: list[str] | None
    phone_numbers: list[str] | None
    street_addresses: list[str] | None


class Faces(Struct):
    """Contacts who are neither deleted nor unsubscribed: all they were asked for in one text each; as `Known`."""

    face: list[str] | None
    contact_id: list[str] | None


class Joining(Struct, frozen=True):
    """A contact who joins a list."""

    contact_id: ContactId
    list_id: ListId


async def prepare(conn: Conn) -> None:
    """For the rest of this transaction: find by index, and do not wait for the disk at the commit.

    An import's chunk that a power cut takes back takes its place in the ledger back with it, so it is simply done
    again; the commit that completes the import waits, and with it all before are on disk.
    """
    await run(
        conn,
        """SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
                  set_config('synchronous_commit', 'off', true)""",
    )


async def find(conn: Conn, account_id: AccountId, email_keys: Sequence[str], columns: set[str]) -> Known:
    """Who of these is known, deleted contacts included, with the named columns of `COMPARED`."""
    found = await one(
        conn,
        Known,
        """SELECT array_agg(email_key) AS email_key,
                  array_agg(contact_id::text) AS contact_id,
                  array_agg(deleted_at IS NOT NULL) AS is_deleted,
                  array_agg(permission_to_send = 'unsubscribed') AS is_unsubscribed,
                  array_agg(first_name) FILTER (WHERE :first_name) AS first_name,
                  array_agg(last_name) FILTER (WHERE :last_name) AS last_name,
                  array_agg(job_title) FILTER (WHERE :job_title) AS job_title,
                  array_agg(company_name) FILTER (WHERE :company_name) AS company_name,
                  array_agg(birthday_month) FILTER (WHERE :birthday_month) AS birthday_month,
                  array_agg(birthday_day) FILTER (WHERE :birthday_day) AS birthday_day,
                  array_agg(anniversary) FILTER (WHERE :anniversary) AS anniversary,
                  array_agg(custom_values::text) FILTER (WHERE :custom_values) AS custom_values,
                  array_agg(phone_numbers::text) FILTER (WHERE :phone_numbers) AS phone_numbers,
                  array_agg(street_addresses::text) FILTER (WHERE :street_addresses) AS street_addresses
             FROM contacts
            WHERE account_id = :account_id AND email_key = ANY(string_to_array(:email_keys, :separator))""",
        account_id=account_id,
        email_keys=SEPARATOR.join(email_keys),
        separator=SEPARATOR,
        **{column: column in columns for column in COMPARED},
    )
    assert found is not None
    return found


async def find_faces(conn: Conn, account_id: AccountId, email_keys: Sequence[str], columns: set[str]) -> Faces:
    """The same in half the time, for finding out who has not changed: their keys and the columns of `FACE` in a row."""
    found = await one(
        conn,
        Faces,
        """SELECT array_agg(contact_id::text) AS contact_id,
                  array_agg(concat_ws(:separator::text, email_key,
                                      CASE WHEN :first_name THEN coalesce(first_name, '') ELSE '' END,
                                      CASE WHEN :last_name THEN coalesce(last_name, '') ELSE '' END,
                                      CASE WHEN :job_title THEN coalesce(job_title, '') ELSE '' END,
                                      CASE WHEN :company_name THEN coalesce(company_name, '') ELSE '' END,
                                      CASE WHEN :birthday_month THEN coalesce(birthday_month::text, '') ELSE '' END,
                                      CASE WHEN :birthday_day THEN coalesce(birthday_day::text, '') ELSE '' END,
                                      CASE WHEN :anniversary THEN coalesce(anniversary::text, '') ELSE '' END,
                                      CASE WHEN :custom_values THEN custom_values::text ELSE '' END)) AS face
             FROM contacts
            WHERE account_id = :account_id AND email_key = ANY(string_to_array(:email_keys, :separator))
              AND deleted_at IS NULL AND permission_to_send <> 'unsubscribed'""",
        account_id=account_id,
        email_keys=SEPARATOR.join(email_keys),
        separator=SEPARATOR,
        **{column: column in columns for column in FACE},
    )
    assert found is not None
    return found


async def copy_contacts(conn: Conn, columns: Sequence[str], csv: bytes) -> None:
    """New contacts from CSV with these columns. Raises: Taken, when one of them is known by now."""
    await copy_csv_in(conn, "contacts", columns=columns, source=_pieces(csv))


async def copy_memberships(conn: Conn, csv: bytes) -> None:
    """Memberships of new contacts from CSV: account, list, contact, time."""
    columns = ["account_id", "list_id", "contact_id", "created_at"]
    await copy_csv_in(conn, "list_memberships", columns=columns, source=_pieces(csv))


async def missing_on(
    conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], contact_ids: Sequence[str]
) -> list[str]:
    """Those of the contacts who are not on all of the lists."""
    if not contact_ids or not list_ids:
        return []
    if await _count_memberships(conn, account_id, list_ids, contact_ids) == len(contact_ids) * len(list_ids):
        return []
    return await many(
        conn,
        str,
        """SELECT contact_id::text FROM contacts
            WHERE account_id = :account_id AND contact_id = ANY(string_to_array(:contact_ids, :separator)::uuid[])
              AND (SELECT count(*) FROM list_memberships m
                    WHERE m.account_id = :account_id AND m.contact_id = contacts.contact_id
                      AND m.list_id = ANY(:list_ids::uuid[])) < :lists""",
        account_id=account_id,
        contact_ids=SEPARATOR.join(contact_ids),
        separator=SEPARATOR,
        list_ids=list_ids,
        lists=len(list_ids),
    )


async def lock(conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId]) -> list[StoredContact]:
    """The rows, held until the transaction ends."""
    return await many(
        conn,
        StoredContact,
        stored.SELECT + " AND contact_id = ANY(:contact_ids::uuid[]) ORDER BY contact_id FOR UPDATE",
        account_id=account_id,
        contact_ids=contact_ids,
    )


async def write(conn: Conn, account_id: AccountId, changed: Sequence[StoredContact]) -> None:
    """Write locked rows back, as far as an import may change them."""
    columns: dict[str, Any] = {name: [getattr(row, name) for row in changed] for name in _WRITTEN}
    for name in ("custom_values", "phone_numbers", "street_addresses"):
        columns[name] = [bytes(value).decode() for value in columns[name]]
    await run(
        conn,
        """UPDATE contacts
              SET opt_out_source = new.opt_out_source, opt_out_date = new.opt_out_date,
                  opt_out_reason = new.opt_out_reason, first_name = new.first_name, last_name = new.last_name,
                  job_title = new.job_title, company_name = new.company_name, birthday_month = new.birthday_month,
                  birthday_day = new.birthday_day, anniversary = new.anniversary, update_source = new.update_source,
                  updated_at = new.updated_at, deleted_at = new.deleted_at,
                  custom_values = new.custom_values::jsonb, phone_numbers = new.phone_numbers::jsonb,
                  street_addresses = new.street_addresses::jsonb
             FROM unnest(:contact_id::uuid[], :opt_out_source::text[], :opt_out_date::timestamptz[],
                         :opt_out_reason::text[], :first_name::text[], :last_name::text[], :job_title::text[],
                         :company_name::text[], :birthday_month::smallint[], :birthday_day::smallint[],
                         :anniversary::date[], :update_source::text[], :updated_at::timestamptz[],
                         :deleted_at::timestamptz[], :custom_values::text[], :phone_numbers::text[],
                         :street_addresses::text[])
                  AS new (contact_id, opt_out_source, opt_out_date, opt_out_reason, first_name, last_name, job_title,
                          company_name, birthday_month, birthday_day, anniversary, update_source, updated_at,
                          deleted_at, custom_values, phone_numbers, street_addresses)
            WHERE contacts.account_id = :account_id AND contacts.contact_id = new.contact_id""",
        account_id=account_id,
        **columns,
    )


async def touch(conn: Conn, account_id: AccountId, contact_ids: Sequence[ContactId], *, now: datetime) -> None:
    """Note that the account changed something about locked contacts that lies in other tables."""
    if contact_ids:
        await run(
            conn,
            """UPDATE contacts SET update_source = 'Account', updated_at = :now
                WHERE account_id = :account_id AND contact_id = ANY(:contact_ids::uuid[])""",
            account_id=account_id,
            contact_ids=contact_ids,
            now=now,
        )


async def give_addresses(
    conn: Conn, account_id: AccountId, addresses: Mapping[ContactId, str], *, now: datetime
) -> None:
    """Give addresses to locked contacts who have none, as the account's own contacts. Raises: Taken."""
    entered = consent.initial("Account", None, is_coi=False, now=now)
    await run(
        conn,
        """UPDATE contacts
              SET email_address = new.email_address, email_key = new.email_key, permission_to_send = :permission,
                  opt_in_source = :source, opt_in_date = :now, confirm_status = :confirm_status,
                  email_created_at = :now, email_updated_at = :now, update_source = 'Account', updated_at = :now
             FROM unnest(:contact_ids::uuid[], :email_addresses::text[], :email_keys::text[])
                  AS new (contact_id, email_address, email_key)
            WHERE contacts.account_id = :account_id AND contacts.contact_id = new.contact_id
              AND contacts.email_key IS NULL""",
        account_id=account_id,
        permission=entered.permission_to_send,
        source=entered.opt_in_source,
        confirm_status=entered.confirm_status,
        contact_ids=list(addresses),
        email_addresses=list(addresses.values()),
        email_keys=[address.lower() for address in addresses.values()],
        now=now,
    )


async def join(conn: Conn, account_id: AccountId, joining: Sequence[Joining], *, now: datetime) -> None:
    """Put locked contacts on lists; those who are on them already stay as they are."""
    await run(
        conn,
        """INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
           SELECT :account_id, list_id, contact_id, :now
             FROM unnest(:list_ids::uuid[], :contact_ids::uuid[]) AS joining (list_id, contact_id)
               ON CONFLICT DO NOTHING""",
        account_id=account_id,
        list_ids=[each.list_id for each in joining],
        contact_ids=[each.contact_id for each in joining],
        now=now,
    )


async def _pieces(csv: bytes) -> AsyncIterator[bytes]:
    # Larger ones leave holes in the heap that grow to 100 MB in the course of a million rows.
    for start in range(0, len(csv), _PIECE_BYTES):
        yield csv[start : start + _PIECE_BYTES]


async def _count_memberships(
    conn: Conn, account_id: AccountId, list_ids: Sequence[ListId], contact_ids: Sequence[str]
) -> int:
    counted = await one(
        conn,
        int,
        """SELECT count(*) FROM list_memberships
            WHERE account_id = :account_id AND list_id = ANY(:list_ids::uuid[])
              AND contact_id = ANY(string_to_array(:contact_ids, :separator)::uuid[])""",
        account_id=account_id,
        list_ids=list_ids,
        contact_ids=SEPARATOR.join(contact_ids),
        separator=SEPARATOR,
    )
    return counted or 0


_PIECE_BYTES: Final = 64 * 1024
_WRITTEN: Final = (
    "contact_id", "opt_out_source", "opt_out_date", "opt_out_reason", "first_name", "last_name", "job_title",
    "company_name", "birthday_month", "birthday_day", "anniversary", "update_source", "updated_at", "deleted_at",
    "custom_values", "phone_numbers", "street_addresses",
)  # fmt: skip
