"""Unsubscribing from outside the API: the link in a mail, the one-click header, the partner call.

Rules: repeated opt-outs change nothing; all memberships go; a deleted contact is marked too, so that it comes back
unsubscribed. Source: contract, contacts.md §4.4.
"""

from everpost.contacts import consent, memberships, stored
from everpost.contacts.consent import OptOutSource
from everpost.ids import AccountId, ContactId
from everpost.platform import clock
from everpost.platform.db import Conn


async def opt_out(
    conn: Conn, account_id: AccountId, contact_id: ContactId, *, source: OptOutSource, reason: str | None = None
) -> bool:
    """Unsubscribe a contact; False when there is nobody to unsubscribe or it was done before."""
    row = await stored.lock(conn, account_id, contact_id)
    held = row.consent if row else None
    if row is None or held is None or held.permission_to_send == "unsubscribed":
        return False
    now = clock.now_seconds()
    row.take_consent(consent.opt_out(held, source, reason=reason, now=now))
    row.email_updated_at = row.updated_at = now
    if source != "System":
        row.update_source = source
    await stored.write(conn, account_id, row, is_address_new=False)
    await memberships.replace(conn, account_id, contact_id, [], now=now)
    return True
