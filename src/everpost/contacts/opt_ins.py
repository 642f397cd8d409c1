"""Opting in again from outside the API: the offer after an opt-out, and the profile page.

Rules: only the person holds the link, so it undoes any opt-out; where the account confirms opt-ins by mail, this one is
no exception. Source: contract, contacts.md §4.4; campaigns.md §7.1, §7.3.
"""

from collections.abc import Sequence

from everpost.contacts import consent, consent_settings, consequences, lists, memberships, stored
from everpost.contacts.consent import Permission
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform import clock
from everpost.platform.db import Conn


async def opt_in(
    conn: Conn, account_id: AccountId, contact_id: ContactId, *, list_ids: Sequence[ListId]
) -> Permission | None:
    """The permission that the contact has now; None when nobody is there."""
    row = await stored.lock(conn, account_id, contact_id)
    held = row.consent if row else None
    if row is None or held is None or row.deleted_at is not None:
        return None
    if held.permission_to_send in ("explicit", "pending_confirmation"):
        return held.permission_to_send
    now = clock.now_seconds()
    is_coi = await consent_settings.is_opt_in_confirmed(conn, account_id)
    row.take_consent(consent.change(held, "explicit", "Contact", reason=None, is_coi=is_coi, now=now))
    row.email_updated_at = row.updated_at = now
    row.update_source = "Contact"
    await stored.write(conn, account_id, row, is_address_new=False)
    wanted = (await lists.existing(conn, account_id, list_ids))[: memberships.MAXIMUM]
    joined = await memberships.add(conn, account_id, contact_id, wanted, now=now)
    await consequences.follow(conn, account_id, row, joined, before=held, is_address_new=False, actor="Contact")
    return row.permission_to_send
