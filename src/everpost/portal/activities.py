"""Bulk activities in words for people: what each does, how it stands, what its counters mean."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from everpost.activities import exports, imports, overview, runner
from everpost.activities.file_parts import Parts
from everpost.activities.overview import Details, Summary
from everpost.ids import AccountId, ActivityId
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

FindFile: TypeAlias = Callable[[Conn, AccountId, ActivityId], Awaitable[Parts]]

_TITLES: Final[Mapping[str, str]] = {
    "contacts_file_import": "Import contacts",
    "contacts_json_import": "Import contacts",
    "contact_exports": "Export contacts",
    "add_list_memberships": "Add contacts to lists",
    "remove_list_memberships": "Remove contacts from lists",
    "contacts_taggings_add": "Tag contacts",
    "contacts_taggings_remove": "Untag contacts",
    "contact_delete": "Delete contacts",
    "list_delete": "Delete lists",
    "contacts_tags_delete": "Delete tags",
    "custom_fields_delete": "Delete custom fields",
}
# State, the class of its badge.
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "initialized": ("Waiting", ""),
    "processing": ("Running", "warn"),
    "completed": ("Completed", "good"),
    "failed": ("Failed", "bad"),
    "timed_out": ("Took too long", "bad"),
    "cancelled": ("Cancelled", ""),
}
_COUNTERS: Final[Mapping[str, str]] = {
    "items_total_count": "Selected",
    "items_completed_count": "Done",
    "list_count": "Lists",
}
_IMPORTS: Final = frozenset({"contacts_file_import", "contacts_json_import"})


class Row(Struct, frozen=True):
    """An activity as the list shows it."""

    summary: Summary
    title: str
    state: str
    badge: str


class View(Struct, frozen=True, kw_only=True):
    """An activity with everything about it."""

    row: Row
    counters: list[tuple[str, int]]
    errors: list[str]
    errors_left: int  # more than were kept
    may_cancel: bool
    ways: list[tuple[str, str]]  # address and label: to files, and to what was imported


def row(summary: Summary) -> Row:
    """The kind is told as it is when nobody has named it yet."""
    title = _TITLES.get(summary.kind, summary.kind.replace("_", " ").capitalize())
    state, badge = _STATES[summary.state]
    return Row(summary, title, state, badge)


async def view(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> View:
    """Raises: NotFound."""
    details = await overview.get(conn, account_id, activity_id)
    return View(
        row=row(details),
        counters=_counters(details),
        errors=details.activity_errors,
        errors_left=details.errors_count - len(details.activity_errors),
        may_cancel=runner.may_cancel(details.kind, details.state),
        ways=await _ways(conn, account_id, details),
    )


async def stop(conn: Conn, account_id: AccountId, activity_id: ActivityId) -> bool:
    """False when there was nothing left to stop. Raises: NotFound, when there is no such activity."""
    await overview.get(conn, account_id, activity_id)
    try:
        await runner.cancel(conn, account_id, activity_id)
    except NotFound:
        return False
    return True


def _counters(details: Details) -> list[tuple[str, int]]:
    counters = details.counters or {}
    if details.kind in _IMPORTS and "person_count" in counters:
        return _imported(counters)
    return [(label, counters[name]) for name, label in _COUNTERS.items() if name in counters]


def _imported(counters: Mapping[str, int]) -> list[tuple[str, int]]:
    """What became of the rows; the API's own counters are of the file, its line of headings among them."""
    rows = counters["person_count"]
    refused = counters.get("error_count", 0) + counters.get("correctable_count", 0)
    left = counters.get("cannot_add_to_list_count", 0)
    told = [("Contacts in the file", rows), ("Imported", rows - refused), ("Not taken", refused)]
    return [*told, ("Unsubscribed, so not added to lists", left)] if left else told


async def _ways(conn: Conn, account_id: AccountId, details: Details) -> list[tuple[str, str]]:
    found = []
    if details.kind not in _IMPORTS and await _is_there(exports.finished, conn, account_id, details):
        found.append((f"/activities/{details.activity_id}/export", "Download the export"))
    if details.kind in _IMPORTS and details.state == "completed":
        found.append(("/contacts", "See the contacts"))
    if details.kind in _IMPORTS and await _is_there(imports.rejected_rows_of, conn, account_id, details):
        found.append((f"/activities/{details.activity_id}/rejected-rows", "Download the rejected rows"))
    return found


async def _is_there(find: FindFile, conn: Conn, account_id: AccountId, details: Details) -> bool:
    try:
        await find(conn, account_id, details.activity_id)
    except NotFound:
        return False
    return True
