"""Pages about bulk activities: the list with its bars, one with everything about it, stopping it, its files."""

from typing import Annotated, Any, Final, Literal

import msgspec

from everpost.activities import exports, imports, overview
from everpost.activities.file_parts import Parts
from everpost.ids import ActivityId
from everpost.platform import storage
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Answer, Html, Pages, Stream, redirect
from everpost.portal import activities

pages: Final = Pages(tag="Bulk Activities")

_EDITOR: Final[dict[str, Any]] = {"privilege": "contacts:write"}
_ONE: Final[dict[str, Any]] = {**_EDITOR, "bad_id_status": 404}


class ActivitiesQuery(msgspec.Struct, frozen=True):
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class ActivityQuery(msgspec.Struct, frozen=True):
    """What has just been done, for the note above the page."""

    done: Literal["", "cancelled", "too-late"] = ""


@pages.get("/activities", **_EDITOR)
async def show_activities(conn: Conn, session: Session, query: ActivitiesQuery) -> Html:
    """The activities of the last ten days, newest first, 50 a page."""
    page = await overview.page(conn, session.account_id, number=query.page)
    return Html("portal/activities.html", page=page, rows=[activities.row(each) for each in page.activities])


@pages.get("/activities/{activity_id}", **_ONE)
async def show_activity(conn: Conn, session: Session, activity_id: ActivityId, query: ActivityQuery) -> Html:
    """How far it is, what it counted, what went wrong, and its files."""
    view = await activities.view(conn, session.account_id, activity_id)
    return Html("portal/activity.html", view=view, done=query.done)


@pages.get("/activities/{activity_id}/cancel", **_ONE)
async def ask_to_cancel(conn: Conn, session: Session, activity_id: ActivityId) -> Html:
    """Asks before an activity is stopped."""
    view = await activities.view(conn, session.account_id, activity_id)
    return Html(
        "confirm.html",
        title="Stop this activity?",
        text=f"“{view.row.title}” stops where it is. What it has done so far stays done.",
        action=f"/activities/{activity_id}/cancel",
        button_label="Stop it",
        kind="danger",
        cancel=f"/activities/{activity_id}",
    )


@pages.post("/activities/{activity_id}/cancel", **_ONE)
async def cancel_activity(conn: Conn, session: Session, activity_id: ActivityId) -> Answer:
    """Stops it, unless it is over by now."""
    is_stopped = await activities.stop(conn, session.account_id, activity_id)
    return redirect(f"/activities/{activity_id}?done={'cancelled' if is_stopped else 'too-late'}")


@pages.get("/activities/{activity_id}/export", **_ONE)
async def download_export(conn: Conn, session: Session, activity_id: ActivityId) -> Answer:
    """The CSV file of a completed export."""
    file = await exports.finished(conn, session.account_id, activity_id)
    return _csv(file, name=f"contact_export_{activity_id}.csv")


@pages.get("/activities/{activity_id}/rejected-rows", **_ONE)
async def download_rejected_rows(conn: Conn, session: Session, activity_id: ActivityId) -> Answer:
    """The rows that an import did not take, with the reason in a column."""
    file = await imports.rejected_rows_of(conn, session.account_id, activity_id)
    return _csv(file, name=f"rejected_rows_{activity_id}.csv")


def _csv(file: Parts, *, name: str) -> Answer:
    return Answer(
        Stream(storage.pieces(file.names), file.size_bytes),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        media_type="text/csv; charset=utf-8",
    )
