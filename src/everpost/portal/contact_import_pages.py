"""Importing a file of contacts in the browser: choose a file and lists, then follow the activity.

Rules: the headings decide whether a file is accepted, as for programs; rows that cannot be taken are named by the
activity. A file is read as a whole, for nobody would notice the rest of a long one missing.
Source: contract, bulk-activities.md §3.1.
"""

from collections.abc import Sequence
from typing import Any, Final

from everpost.activities import import_requests, ledger
from everpost.activities.shapes import FileImport
from everpost.ids import AccountId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid, NotFound, UnsupportedMedia
from everpost.platform.http import Answer, FormData, Html, Pages, UploadFile, redirect
from everpost.portal import campaign_audience

pages: Final = Pages(tag="Contacts")

MOST_MEGABYTES: Final = 16
_RULES: Final[dict[str, Any]] = {"privilege": "contacts:write"}
# Of what the import says about headings, the rest is words that people understand.
_WORDS: Final = {
    "file is missing": "Choose a file.",
    "file is empty": "There is nothing in this file.",
    "list_ids is missing": "Choose at least one list.",
    "list_ids is empty": "Choose at least one list.",
    "list_ids is invalid": "Choose the lists once more.",
}


@pages.get("/contacts/import", **_RULES)
async def show_import(conn: Conn, session: Session) -> Html:
    """The form."""
    return await _form(conn, session.account_id, [])


@pages.post("/contacts/import", consumes="multipart", max_body_bytes=(MOST_MEGABYTES + 1) * 1024 * 1024, **_RULES)
async def import_file(conn: Conn, session: Session, upload: FormData) -> Html | Answer:
    """Begin to import the file; the activity's page tells how far it is."""
    given = await _given(upload)
    try:
        async with savepoint(conn):
            await ledger.require_room(conn, session.account_id)
            activity = await import_requests.start_whole_file(conn, session.account_id, given)
    except ApiError as error:
        return await _form(conn, session.account_id, given.list_ids or [], error)
    return redirect(f"/activities/{activity.activity_id}")


async def _given(upload: FormData) -> FileImport:
    file, permission = upload.get("file"), upload.get("sms_permission_to_send")
    is_chosen = isinstance(file, UploadFile) and bool(file.filename)
    return FileImport(
        file_name=file.filename if isinstance(file, UploadFile) and is_chosen else None,
        content=await file.read() if isinstance(file, UploadFile) and is_chosen else None,
        list_ids=[part for part in upload.getlist("list_ids") if isinstance(part, str)] or None,
        sms_permission_to_send=permission if isinstance(permission, str) else None,
    )


async def _form(conn: Conn, account_id: AccountId, list_ids: Sequence[str], error: ApiError | None = None) -> Html:
    return Html(
        "portal/contact_import.html",
        status=error.status if error else 200,
        lists=await campaign_audience.all_lists(conn, account_id, has_sizes=True),
        chosen=list_ids,
        problems=_problems(error),
        most_megabytes=MOST_MEGABYTES,
    )


def _problems(error: ApiError | None) -> list[str]:
    match error:
        case None:
            return []
        case UnsupportedMedia():
            return ["Choose a file whose name ends in .csv; every spreadsheet program can save one."]
        case NotFound():
            return ["One of the lists is gone. Choose again."]
        case Invalid():
            return [_WORDS.get(message, message) for message in error.messages]
        case _:
            return list(error.messages)
