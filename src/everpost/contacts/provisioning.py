"""What a fresh account starts with: the list `My Contacts`, with its owner as the only contact.

Source: contract, contacts.md §7.8, portal.md §4.
"""

from typing import Final

from msgspec import Struct

from everpost.accounts import users
from everpost.contacts import contacts, lists
from everpost.contacts.phone_numbers import PhoneNumberIn
from everpost.contacts.shapes import ContactIn, ContactListIn, EmailAddressIn
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn, one

_LONGEST_COMPANY_NAME: Final = 50  # a contact's; the organisation's own may be longer


class _Owner(Struct):
    first_name: str | None
    last_name: str | None
    organization_name: str
    organization_phone: str | None


async def provision(conn: Conn, account_id: AccountId) -> ListId:
    """In the transaction that creates the account, so that no account is ever seen without. Returns the list."""
    made = await lists.create(conn, account_id, ContactListIn(name="My Contacts"))
    email = (await users.owner(conn, account_id)).email
    owner = await one(
        conn,
        _Owner,
        """
        SELECT first_name, last_name, organization_name, organization_phone
          FROM accounts WHERE account_id = :account_id""",
        account_id=account_id,
    )
    assert owner is not None, "an account is made before it is filled"
    phone = owner.organization_phone
    await contacts.create(
        conn,
        account_id,
        ContactIn(
            email_address=EmailAddressIn(email),
            first_name=owner.first_name,
            last_name=owner.last_name,
            company_name=owner.organization_name[:_LONGEST_COMPANY_NAME],
            phone_numbers=[PhoneNumberIn(phone, "work")] if phone else None,
            create_source="Account",
            list_memberships=[made.list_id],
        ),
    )
    return made.list_id
