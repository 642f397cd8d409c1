"""The page of a contact: what is known of it, and everything that happened between it and the mails."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from everpost.contacts import contacts
from everpost.contacts.contacts import ContactQuery
from everpost.ids import ContactId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Html, Pages
from everpost.portal import contact_choices
from everpost.reports import contact_timeline
from everpost.reports.contact_timeline import NEWEST, Event, Kind, Position

pages: Final = Pages(tag="Contacts Reporting")

PAGE_SIZE: Final = 50

_WITH_FACTS: Final = ContactQuery(include=["list_memberships", "taggings", "custom_fields"])

Shown: TypeAlias = Literal["", "send", "open", "click", "bounce", "optout", "forward", "abuse"]
_NAMES: Final[Mapping[Kind, str]] = {
    "send": "Sent",
    "open": "Opened",
    "click": "Clicked",
    "bounce": "Bounced",
    "optout": "Unsubscribed",
    "forward": "Forwarded",
    "abuse": "Reported as spam",
}


class TimelineQuery(msgspec.Struct, frozen=True):
    """What to show, and the event after which the page begins."""

    kind: Shown = ""
    after_at: datetime | None = None
    after_id: UUID | None = None
    after_kind: str = ""
    done: Literal["", "added", "saved", "unsubscribed"] = ""

    @property
    def after(self) -> Position:
        if self.after_at is None or self.after_id is None:
            return NEWEST
        return Position(self.after_at, self.after_id, self.after_kind)


@pages.get("/contacts/{contact_id}/activity", privilege="contacts:read", bad_id_status=404)
async def show_contact_activity(conn: Conn, session: Session, contact_id: ContactId, query: TimelineQuery) -> Html:
    """Its data, and its events, newest first, 50 a page."""
    contact = await contacts.get(conn, session.account_id, contact_id, _WITH_FACTS)
    kinds: list[Kind] = list(_NAMES) if query.kind == "" else [query.kind]
    found = await contact_timeline.find(conn, session.account_id, contact_id, kinds, query.after, most=PAGE_SIZE + 1)
    events = found[:PAGE_SIZE]
    return Html(
        "portal/contact_timeline.html",
        contact=contact,
        facts=await contact_choices.facts(conn, session.account_id, contact),
        events=events,
        kinds=_NAMES,
        query=query,
        following=_following(query, events[-1]) if len(found) > PAGE_SIZE else None,
    )


def _following(query: TimelineQuery, last: Event) -> str:
    """The query of the next page."""
    after = {"after_at": last.at.isoformat(), "after_id": last.event_id, "after_kind": last.kind}
    return urlencode({"kind": query.kind, **after})
