"""A recipient's own copy of a mail, as a page.

Source: contract, campaigns §6.5.
"""

from everpost.delivery import mailings, merge_fields, page_links, tags
from everpost.platform import clock
from everpost.platform.db import Db
from everpost.tracking import ledger, programs, tokens
from everpost.tracking.device_types import device_type
from everpost.tracking.hits import Hit
from everpost.tracking.tokens import Kind


async def read(db: Db, token: str, *, user_agent: str, is_looked_at: bool) -> str | None:
    """The mail's HTML with its recipient's values as they are now; None for a token that is not ours.

    Looking at it counts as an open: its pixel reports one, or, where the author set none, this does.
    """
    reference = tokens.signer().read(Kind.VIEW, token)
    if reference is None:
        return None
    account_id, activity_id, contact_id = reference.account_id, reference.campaign_activity_id, reference.contact_id
    async with db.reader() as conn:
        mailing = await mailings.find_received(conn, account_id, activity_id, contact_id)
        if mailing is None:
            return None
        rendered = mailing.rendered
        fields = await merge_fields.fields(conn, account_id, tags.names(rendered.html))
        people = await fields.people(conn, account_id, [contact_id])
    if not people:
        return None
    if is_looked_at and not rendered.has_pixel:
        hit = Hit(activity_id, contact_id, clock.now(), device_type(user_agent), sign=programs.kind(user_agent))
        await ledger.record(db, account_id, [hit])
    values = fields.values(people[0])
    values.update(page_links.tokens(tokens.signer().recipient(account_id, activity_id, contact_id), mailing.url_ids))
    return tags.fill(rendered.html, values)
