"""The doors of bulk work. Deleting a list or a tag lives here too: a route lives with the slice that does the work."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from everpost.activities import (
    contact_deletions,
    custom_field_deletions,
    exports,
    import_requests,
    imports,
    ledger,
    list_deletions,
    list_memberships,
    tag_deletions,
    taggings,
)
from everpost.activities.contact_deletions import ContactDeletion
from everpost.activities.csv_text import MAX_BYTES
from everpost.activities.file_parts import Parts
from everpost.activities.list_memberships import MembershipsChange
from everpost.activities.shapes import (
    ActivitiesQuery,
    ActivityPage,
    BulkActivity,
    ContactsExport,
    CustomFieldDeletion,
    FileImport,
    JsonImport,
    ListDeletion,
    TagDeletion,
)
from everpost.activities.taggings import TaggingsChange
from everpost.contacts import errors, lists, tags
from everpost.ids import ActivityId, ListId, TagId
from everpost.platform import storage
from everpost.platform.caller import Caller
from everpost.platform.db import Conn
from everpost.platform.http import Answer, Doors, FormData, Stream, UploadFile

# Far more than an import reads of an upload: what is too much is dropped, not refused.
_LARGEST_UPLOAD_BYTES: Final = 64 * 1024 * 1024
_LARGEST_JSON_BYTES: Final = 32 * 1024 * 1024

_UPLOAD: Final = {
    "type": "object",
    "required": ["file", "list_ids"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "text/csv", "description": "A file named *.csv."},
        "list_ids": {
            "type": "string",
            "description": "1 to 50 lists, joined by commas.",
            "examples": ["01907a4e-5b1e-7c2d-8f3a-6d5e4c3b2a10"],
        },
        "sms_permission_to_send": {
            "enum": ["explicit", "not_set"],
            "description": "Needed when the file has a column sms_number.",
        },
    },
}

bulk = Doors(errors.AREA, "Bulk Activities")
contact_lists = Doors(errors.AREA, "Contact Lists")
contact_tags = Doors(errors.AREA, "Contact Tags")

# Every POST opens an activity, which is refused while the account has too many.
post = partial(bulk.post, scope="contact_data", privilege="contacts:write", status=201, exists=ledger.require_room)
get = partial(bulk.get, scope="contact_data", privilege="contacts:write")


@post(
    "/v3/activities/contacts_file_import",
    consumes="multipart",
    upload_schema=_UPLOAD,
    max_body_bytes=_LARGEST_UPLOAD_BYTES,
)
async def import_contacts_file(conn: Conn, caller: Caller, upload: FormData) -> BulkActivity:
    """Import contacts from a CSV file.

    Parts: `file` (a .csv file, at most 4 MB and 40,000 lines are read), `list_ids` (1 to 50 lists, joined by commas)
    and `sms_permission_to_send` when the file has an `sms_number` column.
    """
    return await import_requests.start_file(conn, caller.account_id, await _file_import(upload))


@post("/v3/activities/contacts_json_import", max_body_bytes=_LARGEST_JSON_BYTES)
async def import_contacts_json(conn: Conn, caller: Caller, data: JsonImport) -> BulkActivity:
    """Import contacts from a list of objects whose members are named like the columns of a CSV file."""
    return await import_requests.start_json(conn, caller.account_id, data)


@post("/v3/activities/contact_exports", "/v3/activities/contacts_export")
async def export_contacts(conn: Conn, caller: Caller, data: ContactsExport | None) -> BulkActivity:
    """Export contacts to a CSV file; `_links.results` of the activity is where it will be."""
    return await exports.start(conn, caller.account_id, data or ContactsExport())


@get(
    "/v3/contact_exports/{file_export_id}",
    "/v3/contacts_exports/{file_export_id}",
    answers=str,
    produces="text/csv",
)
async def get_contact_export(conn: Conn, caller: Caller, file_export_id: ActivityId) -> Answer:
    """The CSV file of an export that is completed. It is kept for ten days."""
    file = await exports.finished(conn, caller.account_id, file_export_id)
    return _csv(file, name=f"contact_export_{file_export_id}.csv")


@post("/v3/activities/list_delete")
async def delete_contact_lists(conn: Conn, caller: Caller, data: ListDeletion) -> BulkActivity:
    """Delete several contact lists; the contacts on them stay."""
    return await list_deletions.start(conn, caller.account_id, data.list_ids)


@post("/v3/activities/add_list_memberships")
async def add_list_memberships(conn: Conn, caller: Caller, data: MembershipsChange) -> BulkActivity:
    """Put the selected contacts on lists."""
    return await list_memberships.start_adding(conn, caller.account_id, data)


@post("/v3/activities/remove_list_memberships")
async def remove_list_memberships(conn: Conn, caller: Caller, data: MembershipsChange) -> BulkActivity:
    """Take the selected contacts off lists."""
    return await list_memberships.start_removing(conn, caller.account_id, data)


@post("/v3/activities/contacts_taggings_add")
async def add_taggings(conn: Conn, caller: Caller, data: TaggingsChange) -> BulkActivity:
    """Put tags on the selected contacts."""
    return await taggings.start_adding(conn, caller.account_id, data)


@post("/v3/activities/contacts_taggings_remove")
async def remove_taggings(conn: Conn, caller: Caller, data: TaggingsChange) -> BulkActivity:
    """Take tags off the selected contacts."""
    return await taggings.start_removing(conn, caller.account_id, data)


@post("/v3/activities/contact_delete", "/v3/activities/contacts_delete")
async def delete_contacts(conn: Conn, caller: Caller, data: ContactDeletion) -> BulkActivity:
    """Delete the contacts that are named, on the lists, or in the segment."""
    return await contact_deletions.start(conn, caller.account_id, data)


@post("/v3/activities/contacts_tags_delete")
async def delete_tags(conn: Conn, caller: Caller, data: TagDeletion) -> BulkActivity:
    """Delete several tags; the contacts that carry them stay."""
    return await tag_deletions.start(conn, caller.account_id, data.tag_ids)


@post("/v3/activities/custom_fields_delete")
async def delete_custom_fields(conn: Conn, caller: Caller, data: CustomFieldDeletion) -> BulkActivity:
    """Delete several custom fields and their values on all contacts."""
    return await custom_field_deletions.start(conn, caller.account_id, data.custom_field_ids)


@get("/v3/activities/{activity_id}/rejected_rows", answers=str, produces="text/csv")
async def get_rejected_rows(conn: Conn, caller: Caller, activity_id: ActivityId) -> Answer:
    """The rows that an import did not take, as a CSV file with the line and the reason in two more columns.

    Kept for ten days; 404 while the import is not over, and when it took every row.
    """
    file = await imports.rejected_rows_of(conn, caller.account_id, activity_id)
    return _csv(file, name=f"rejected_rows_{activity_id}.csv")


@get("/v3/activities")
async def get_bulk_activities(conn: Conn, caller: Caller, query: ActivitiesQuery) -> ActivityPage:
    """The bulk activities of the last ten days, newest first."""
    return await ledger.page(conn, caller.account_id, query)


@get("/v3/activities/{activity_id}")
async def get_bulk_activity(conn: Conn, caller: Caller, activity_id: ActivityId) -> BulkActivity:
    """One bulk activity: how far it is, what it counted, what went wrong."""
    return await ledger.get(conn, caller.account_id, activity_id)


@contact_lists.delete(
    "/v3/contact_lists/{list_id}",
    scope="contact_data",
    privilege="contacts:lists:write",
    status=202,
    exists=lists.require,
    bad_id_status=404,
    answers=BulkActivity,
)
async def delete_contact_list(conn: Conn, caller: Caller, list_id: ListId) -> Answer:
    """Delete a contact list in the background; the contacts on it stay."""
    activity = await list_deletions.start_one(conn, caller.account_id, list_id)
    return Answer(activity, status=202, headers={"Location": activity.links.self.href})


@contact_tags.delete(
    "/v3/contact_tags/{tag_id}",
    scope="contact_data",
    privilege="contacts:write",
    status=202,
    exists=tags.require,
    checks_accept=True,
    answers=BulkActivity,
)
async def delete_contact_tag(conn: Conn, caller: Caller, tag_id: TagId) -> Answer:
    """Delete a tag in the background; the contacts that carry it stay."""
    activity = await tag_deletions.start(conn, caller.account_id, [tag_id])
    return Answer(activity, status=202, headers={"Location": activity.links.self.href})


async def _file_import(upload: FormData) -> FileImport:
    file = upload.get("file")
    texts = [part for part in upload.getlist("list_ids") if isinstance(part, str)]
    permission = upload.get("sms_permission_to_send")
    sent = FileImport(
        file_name=None if file is None else "",
        content=None,
        list_ids=texts or None,
        sms_permission_to_send=permission if isinstance(permission, str) else None,
    )
    if isinstance(file, UploadFile):
        sent = replace(sent, file_name=file.filename or "", content=await file.read(MAX_BYTES + 1))
    return sent


def _csv(file: Parts, *, name: str) -> Answer:
    return Answer(
        Stream(storage.pieces(file.names), file.size_bytes),
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        media_type="text/csv; charset=utf-8",
    )


doors = (*bulk, *contact_lists, *contact_tags)
