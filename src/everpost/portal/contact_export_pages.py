"""Exporting contacts to a file in the browser: choose whom, then follow the activity and fetch the file.

Source: contract, bulk-activities.md §7.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from everpost.activities import exports, ledger
from everpost.activities.shapes import ContactsExport
from everpost.contacts import segments
from everpost.contacts.segments import SegmentsQuery
from everpost.ids import AccountId, ListId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, NotFound
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import list_names

pages: Final = Pages(tag="Contacts")

_RULES: Final[dict[str, Any]] = {"privilege": "contacts:write"}


class ExportForm(msgspec.Struct, frozen=True):
    """Whom: empty for everybody, else `list:` and its id, or `segment:` and its number."""

    who: Annotated[str, Meta(pattern="^(list:[0-9a-f-]{36}|segment:[0-9]{1,18})?$")] = ""


@pages.get("/contacts/export", **_RULES)
async def show_export(conn: Conn, session: Session, query: ExportForm) -> Html:
    """The form."""
    return await _form(conn, session.account_id, query.who)


@pages.post("/contacts/export", **_RULES)
async def export_contacts(conn: Conn, session: Session, form: ExportForm) -> Html | Answer:
    """Begin to export; the activity's page tells how far it is, and has the file in the end."""
    try:
        async with savepoint(conn):
            await ledger.require_room(conn, session.account_id)
            activity = await exports.start(conn, session.account_id, _asked(form.who))
    except ApiError as error:
        return await _form(conn, session.account_id, form.who, error)
    return redirect(f"/activities/{activity.activity_id}")


def _asked(who: str) -> ContactsExport:
    kind, _, value = who.partition(":")
    match kind:
        case "list":
            return ContactsExport(list_ids=[_list_id(value)])
        case "segment":
            return ContactsExport(segment_id=int(value))
        case _:
            return ContactsExport()


def _list_id(text: str) -> ListId:
    try:
        return ListId(UUID(text))
    except ValueError as error:
        raise NotFound from error


async def _form(conn: Conn, account_id: AccountId, who: str, error: ApiError | None = None) -> Html:
    found = (await segments.page(conn, account_id, SegmentsQuery(sort_by="name"))).segments
    return Html(
        "portal/contact_export.html",
        status=error.status if error else 200,
        lists=await list_names.find(conn, account_id),
        segments=found,
        who=who,
        problem=_problem(error),
    )


def _problem(error: ApiError | None) -> str:
    match error:
        case None:
            return ""
        case NotFound():
            return "That list or segment is gone. Choose again."
        case _:
            return " ".join(error.messages)
