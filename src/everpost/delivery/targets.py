"""Where a tracked link with tags in it leads one recipient.

Source: contract, campaigns §4.2 and §6.2.
"""

from html import unescape

from everpost.delivery import merge_fields, organisations, tags
from everpost.delivery.positions import Position
from everpost.delivery.tags import Vocabulary
from everpost.platform.db import Db
from everpost.tracking.tokens import Reference


async def personalise(db: Db, reference: Reference, url: str) -> str:
    """`url` as it was authored, its tags filled in for the recipient of the mail it stands in."""
    async with db.reader() as conn:
        organisation = await organisations.get(conn, reference.account_id)
        names = await merge_fields.names(conn, reference.account_id)
        marked = tags.mark(url, Vocabulary(organisation.constants, names), is_html=False)
        fields = await merge_fields.fields(conn, reference.account_id, {tag.name for tag in marked.tags})
        people = await fields.people(conn, reference.account_id, [reference.contact_id])
    vocabulary = Vocabulary(organisation.constants, names)
    placed = tags.placed_url(marked.text, marked.tags, organisation.constants)
    template = tags.pieces(placed, marked.tags, vocabulary, Position.PART)
    # Whole addresses are escaped for the attribute that they usually stand in.
    return unescape(tags.fill(template, fields.values(people[0]) if people else {}))
