"""Who is due a welcome mail: the fact, for whoever sends such mails.

    @on("contact.joined_lists")
    async def welcome(db: Db, account_id: AccountId, contact_id: ContactId, list_ids: list[ListId]) -> None: ...

Published when a person who came by themselves newly joins lists and may be e-mailed; who must confirm first is due with
the confirmation. It may be published again for lists left and joined anew: at most one mail per contact and list is the
subscriber's business. Imports and everything else that an account does never publish it.
Source: contract, contacts.md §4.5, campaigns.md §8.2.
"""

from collections.abc import Sequence
from typing import Final

from everpost.contacts.consent import Source
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ListId
from everpost.platform import events
from everpost.platform.db import Conn

JOINED: Final = "contact.joined_lists"
_MAILABLE: Final = ("explicit", "implicit")


async def publish_joined(
    conn: Conn, account_id: AccountId, contact: StoredContact, list_ids: Sequence[ListId], *, actor: Source
) -> None:
    """Tell that a contact joined lists, if that makes a welcome mail due."""
    came_by_themselves = contact.create_source == actor == "Contact"
    if list_ids and came_by_themselves and contact.permission_to_send in _MAILABLE:
        await events.publish(
            conn, JOINED, account_id=account_id, contact_id=contact.contact_id, list_ids=list(list_ids)
        )
