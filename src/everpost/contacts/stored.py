"""One row of `contacts`: read, locked, inserted and written as a whole, and turned into what goes out.

Rules: the unique index on the address decides who has it; a row is changed only under its lock. Every change moves
updated_at, which is the callers' business.
"""

from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from msgspec import Raw, Struct

from everpost.contacts.consent import ConfirmStatus, Consent, OptOutSource, Permission, Source
from everpost.contacts.shapes import Contact, EmailAddress
from everpost.ids import AccountId, ContactId
from everpost.platform.db import Conn, Taken, one, run, savepoint

NOTHING: Final = Raw(b"[]")
NO_VALUES: Final = Raw(b"{}")

# In the order of the Structs below: a row that is read by position costs a tenth.
SELECT_CORE: Final[LiteralString] = """SELECT contact_id, create_source, created_at, updated_at, email_address,
    permission_to_send, opt_in_source, opt_in_date, opt_out_source, opt_out_date, opt_out_reason, confirm_status,
    email_created_at, email_updated_at, first_name, last_name, job_title, company_name, birthday_month, birthday_day,
    anniversary, update_source, deleted_at
  FROM contacts
 WHERE account_id = :account_id"""

SELECT: Final[LiteralString] = """SELECT contact_id, create_source, created_at, updated_at, email_address,
    permission_to_send, opt_in_source, opt_in_date, opt_out_source, opt_out_date, opt_out_reason, confirm_status,
    email_created_at, email_updated_at, first_name, last_name, job_title, company_name, birthday_month, birthday_day,
    anniversary, update_source, deleted_at,
    email_key, source_name, custom_values, phone_numbers, street_addresses, notes
  FROM contacts
 WHERE account_id = :account_id"""


# Who counts as active: may be e-mailed, or can only be texted and agreed to that. Source: contract, contacts.md §4.1.
IS_ACTIVE: Final[LiteralString] = """(is_mailable OR (deleted_at IS NULL AND email_key IS NULL
    AND contact_id IN (SELECT sms.contact_id FROM sms_channels AS sms
                        WHERE sms.account_id = :account_id AND sms.permission = 'explicit')))"""


class CoreContact(Struct):
    """The columns that every answer shows: all that a page without `include` reads."""

    contact_id: ContactId
    create_source: Source
    created_at: datetime
    updated_at: datetime
    email_address: str | None = None
    permission_to_send: Permission | None = None
    opt_in_source: Source | None = None
    opt_in_date: datetime | None = None
    opt_out_source: OptOutSource | None = None
    opt_out_date: datetime | None = None
    opt_out_reason: str | None = None
    confirm_status: ConfirmStatus | None = None
    email_created_at: datetime | None = None
    email_updated_at: datetime | None = None
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    birthday_month: int | None = None
    birthday_day: int | None = None
    anniversary: date | None = None
    update_source: Source | None = None
    deleted_at: datetime | None = None


class StoredContact(CoreContact):
    """The whole row, as it is changed and written back."""

    email_key: str | None = None
    source_name: str = "API"
    custom_values: Raw = NO_VALUES
    phone_numbers: Raw = NOTHING
    street_addresses: Raw = NOTHING
    notes: Raw = NOTHING

    @property
    def consent(self) -> Consent | None:
        """None for a contact without an e-mail address."""
        if self.permission_to_send is None:
            return None
        return Consent(
            permission_to_send=self.permission_to_send,
            opt_in_source=self.opt_in_source,
            opt_in_date=self.opt_in_date,
            opt_out_source=self.opt_out_source,
            opt_out_date=self.opt_out_date,
            opt_out_reason=self.opt_out_reason,
            confirm_status=self.confirm_status or "off",
        )

    def take_consent(self, consent: Consent) -> None:
        for name in consent.__struct_fields__:
            setattr(self, name, getattr(consent, name))


async def find(conn: Conn, account_id: AccountId, contact_id: ContactId) -> StoredContact | None:
    """A contact, also a deleted one."""
    return await one(
        conn,
        StoredContact,
        SELECT + " AND contact_id = :contact_id",
        account_id=account_id,
        contact_id=contact_id,
    )


async def find_core(conn: Conn, account_id: AccountId, contact_id: ContactId) -> CoreContact | None:
    """The same without the parts that must be asked for."""
    return await one(
        conn,
        CoreContact,
        SELECT_CORE + " AND contact_id = :contact_id",
        account_id=account_id,
        contact_id=contact_id,
    )


async def lock(conn: Conn, account_id: AccountId, contact_id: ContactId) -> StoredContact | None:
    """The same, held until the transaction ends. Raises: LockTimeout."""
    return await one(
        conn,
        StoredContact,
        SELECT + " AND contact_id = :contact_id FOR UPDATE",
        account_id=account_id,
        contact_id=contact_id,
    )


async def lock_by_email(conn: Conn, account_id: AccountId, email_key: str) -> StoredContact | None:
    """The contact who has the address, held until the transaction ends. Raises: LockTimeout."""
    return await one(
        conn,
        StoredContact,
        SELECT + " AND email_key = :email_key FOR UPDATE",
        account_id=account_id,
        email_key=email_key,
    )


async def owner_of(conn: Conn, account_id: AccountId, email_key: str | None) -> UUID | None:
    """Who has the address, deleted contacts included."""
    return await one(
        conn,
        UUID,
        "SELECT contact_id FROM contacts WHERE account_id = :account_id AND email_key = :email_key",
        account_id=account_id,
        email_key=email_key,
    )


async def insert(conn: Conn, account_id: AccountId, new: StoredContact) -> bool:
    """False when another contact has the address: then nothing was written."""
    inserted = await run(
        conn,
        """INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, opt_in_source,
                                 opt_in_date, opt_out_source, opt_out_date, opt_out_reason, confirm_status,
                                 email_created_at, email_updated_at, first_name, last_name, job_title, company_name,
                                 birthday_month, birthday_day, anniversary, create_source, update_source, source_name,
                                 created_at, updated_at, deleted_at, custom_values, phone_numbers, street_addresses,
                                 notes)
           VALUES (:account_id, :contact_id, :email_address, :email_key, :permission_to_send, :opt_in_source,
                   :opt_in_date, :opt_out_source, :opt_out_date, :opt_out_reason, :confirm_status,
                   :email_created_at, :email_updated_at, :first_name, :last_name, :job_title, :company_name,
                   :birthday_month, :birthday_day, :anniversary, :create_source, :update_source, :source_name,
                   :created_at, :updated_at, :deleted_at, :custom_values, :phone_numbers, :street_addresses,
                   :notes)
               ON CONFLICT (account_id, email_key) DO NOTHING""",
        account_id=account_id,
        **_members(new),
    )
    return inserted == 1


async def write(conn: Conn, account_id: AccountId, changed: StoredContact, *, is_address_new: bool) -> bool:
    """Write a locked row back. False when another contact has the new address: then nothing was written."""
    if not is_address_new:
        await _update(conn, account_id, changed)
        return True
    try:
        async with savepoint(conn):
            await _update(conn, account_id, changed)
    except Taken:
        return False
    return True


async def _update(conn: Conn, account_id: AccountId, changed: StoredContact) -> None:
    await run(
        conn,
        """UPDATE contacts
              SET email_address = :email_address, email_key = :email_key, permission_to_send = :permission_to_send,
                  opt_in_source = :opt_in_source, opt_in_date = :opt_in_date, opt_out_source = :opt_out_source,
                  opt_out_date = :opt_out_date, opt_out_reason = :opt_out_reason, confirm_status = :confirm_status,
                  email_created_at = :email_created_at, email_updated_at = :email_updated_at,
                  first_name = :first_name, last_name = :last_name, job_title = :job_title,
                  company_name = :company_name, birthday_month = :birthday_month, birthday_day = :birthday_day,
                  anniversary = :anniversary, update_source = :update_source, updated_at = :updated_at,
                  deleted_at = :deleted_at, custom_values = :custom_values, phone_numbers = :phone_numbers,
                  street_addresses = :street_addresses, notes = :notes
            WHERE account_id = :account_id AND contact_id = :contact_id""",
        account_id=account_id,
        **_members(changed),
    )


def _members(row: StoredContact) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def shown(row: CoreContact) -> Contact:
    """The contact as it goes out, without the parts that must be asked for."""
    return Contact(
        contact_id=row.contact_id,
        email_address=None if row.permission_to_send is None else _shown_email(row, row.permission_to_send),
        first_name=row.first_name,
        last_name=row.last_name,
        job_title=row.job_title,
        company_name=row.company_name,
        birthday_month=row.birthday_month,
        birthday_day=row.birthday_day,
        anniversary=row.anniversary,
        update_source=row.update_source,
        create_source=row.create_source,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at.date() if row.deleted_at else None,
    )


def _shown_email(row: CoreContact, permission: Permission) -> EmailAddress:
    return EmailAddress(
        address=row.email_address or "",
        permission_to_send=permission,
        created_at=row.email_created_at,
        updated_at=row.email_updated_at,
        opt_in_source=row.opt_in_source,
        opt_in_date=row.opt_in_date,
        opt_out_source=row.opt_out_source,
        opt_out_date=row.opt_out_date,
        opt_out_reason=row.opt_out_reason,
        confirm_status=row.confirm_status,
    )
