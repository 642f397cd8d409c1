"""The page with all contacts: a table to search, to filter and to page through."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta

from everpost.contacts import contact_search, segments
from everpost.contacts.contact_search import Position, Search
from everpost.contacts.segments import SegmentsQuery
from everpost.contacts.shapes import Contact
from everpost.ids import ListId, SegmentId, TagId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Html, Pages
from everpost.portal import contact_choices
from everpost.portal.segment_subjects import PERMISSIONS

pages: Final = Pages(tag="Contacts")

PAGE_SIZE: Final = 50

_HEX: Final = "[0-9a-fA-F]"
_Id: TypeAlias = Annotated[str, Meta(pattern=f"^({_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}})?$")]


class ContactsPageQuery(msgspec.Struct, frozen=True):
    """What to look for, and the contact after which the page begins. A filter that is empty is none."""

    q: Annotated[str, Meta(max_length=200)] = ""
    list: _Id = ""
    tag: _Id = ""
    permission: Literal["", "explicit", "implicit", "not_set", "pending_confirmation", "temp_hold", "unsubscribed"] = ""
    segment: Annotated[str, Meta(pattern="^[0-9]{0,18}$")] = ""
    after_at: datetime | None = None
    after_id: UUID | None = None
    done: Literal["", "deleted"] = ""

    @property
    def search(self) -> Search:
        return Search(
            text=self.q,
            list_id=ListId(UUID(self.list)) if self.list else None,
            tag_id=TagId(UUID(self.tag)) if self.tag else None,
            permission=self.permission or None,
            segment_id=SegmentId(int(self.segment)) if self.segment else None,
        )

    @property
    def filters(self) -> dict[str, str]:
        """Those that are set, as they stand in an address."""
        found = {name: str(getattr(self, name)) for name in ("q", "list", "tag", "permission", "segment")}
        return {name: value for name, value in found.items() if value}

    @property
    def after(self) -> Position | None:
        return None if self.after_at is None or self.after_id is None else Position(self.after_at, self.after_id)


@pages.get("/contacts", privilege="contacts:read")
async def show_contacts(conn: Conn, session: Session, query: ContactsPageQuery) -> Html:
    """Those that came last come first, 50 a page."""
    choices = await contact_choices.find(conn, session.account_id)
    all_segments = (await segments.page(conn, session.account_id, SegmentsQuery(sort_by="name"))).segments
    found = await contact_search.find(conn, session.account_id, query.search, query.after, most=PAGE_SIZE + 1)
    shown = (found or [])[:PAGE_SIZE]
    return Html(
        "portal/contacts.html",
        contacts=shown,
        is_found=found is not None,
        choices=choices,
        segments=all_segments,
        permissions=PERMISSIONS,
        query=query,
        newest=urlencode(query.filters),
        following=_following(query, shown[-1]) if len(found or []) > PAGE_SIZE else None,
    )


def _following(query: ContactsPageQuery, last: Contact) -> str:
    """The query of the next page."""
    after_at = "" if last.created_at is None else last.created_at.isoformat()
    return urlencode({**query.filters, "after_at": after_at, "after_id": str(last.contact_id)})
