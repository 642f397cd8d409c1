"""What a fresh account starts with: the list `My Contacts`, with its owner as the only contact.

Source: contract, contacts.md §7.8.
"""

from msgspec import Struct

from everpost.accounts import users
from everpost.contacts import contacts, lists
from everpost.contacts.shapes import ContactIn, ContactListIn, EmailAddressIn
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn, one


class _Name(Struct):
    first_name: str | None
    last_name: str | None


async def provision(conn: Conn, account_id: AccountId) -> ListId:
    """In the transaction that creates the account, so that no account is ever seen without. Returns the list."""
    made = await lists.create(conn, account_id, ContactListIn(name="My Contacts"))
    owner = await users.owner(conn, account_id)
    name = await one(
        conn,
        _Name,
        "SELECT first_name, last_name FROM accounts WHERE account_id = :account_id",
        account_id=account_id,
    )
    await contacts.create(
        conn,
        account_id,
        ContactIn(
            email_address=EmailAddressIn(owner.email),
            first_name=name.first_name if name else None,
            last_name=name.last_name if name else None,
            create_source="Account",
            list_memberships=[made.list_id],
        ),
    )
    return made.list_id
