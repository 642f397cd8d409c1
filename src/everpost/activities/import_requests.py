"""Asking for an import: what is checked while the client waits.

Rules: the headings decide whether a file is accepted; what is wrong with single rows comes out later, in the activity.
The file is stored before the activity is opened; a file whose activity never came to be is swept up. Source: contract,
bulk-activities.md §3.1, §3.2.
"""

import asyncio
import io
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from everpost.activities import csv_columns, csv_rows, csv_text, json_rows, runner
from everpost.activities.ledger import New
from everpost.activities.shapes import BulkActivity, FileImport, JsonImport, SmsPermission
from everpost.contacts import lists
from everpost.contacts.errors import too_many, unknown_ids
from everpost.ids import AccountId, ActivityId, ListId, new_id
from everpost.platform import storage
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, NotFound, UnsupportedMedia
from everpost.platform.validation import is_uuid

FILE: Final = "contacts_file_import"
JSON: Final = "contacts_json_import"
_MOST_LISTS: Final = 50


class Request(Struct, frozen=True):
    """What the worker needs to know beside the file."""

    list_ids: list[ListId]
    sms_permission_to_send: SmsPermission | None


async def start_file(conn: Conn, account_id: AccountId, given: FileImport) -> BulkActivity:
    """Begin to import a CSV file, as far as it is read. Raises: UnsupportedMedia, Invalid, NotFound (a list)."""
    return await _start_file(conn, account_id, given, csv_text.read)


async def start_whole_file(conn: Conn, account_id: AccountId, given: FileImport) -> BulkActivity:
    """The same without its limits of bytes and lines, for the operator."""
    return await _start_file(conn, account_id, given, csv_text.read_whole)


async def _start_file(
    conn: Conn, account_id: AccountId, given: FileImport, read: Callable[[bytes], str]
) -> BulkActivity:
    if given.file_name is not None and not given.file_name.lower().endswith(".csv"):
        raise UnsupportedMedia
    missing = [name for name, part in (("file", given.content), ("list_ids", given.list_ids)) if part is None]
    if missing:
        raise Invalid(*(f"{name} is missing" for name in missing))
    list_ids = _read_list_ids(given.list_ids or [])
    permission = _read_permission(given.sms_permission_to_send)
    content = await asyncio.to_thread(_read_file, given.content or b"", permission, read)
    if len(await lists.existing(conn, account_id, list_ids)) < len(list_ids):
        raise NotFound
    request = Request(list_ids, permission)
    return await _start(conn, account_id, FILE, content, request=request, source_file_name=given.file_name)


async def start_json(conn: Conn, account_id: AccountId, given: JsonImport) -> BulkActivity:
    """Begin to import objects. Raises: Invalid."""
    content = await asyncio.to_thread(json_rows.clean, given.import_data)
    list_ids = list(dict.fromkeys(given.list_ids))
    if len(list_ids) > _MOST_LISTS:
        raise Invalid(too_many("list_ids", _MOST_LISTS))
    known = await lists.existing(conn, account_id, list_ids)
    if len(known) < len(list_ids):
        raise unknown_ids("list_ids", [list_id for list_id in list_ids if list_id not in known])
    request = Request(list_ids, given.sms_permission_to_send)
    return await _start(conn, account_id, JSON, content, request=request, source_file_name=None)


async def _start(
    conn: Conn, account_id: AccountId, kind: str, content: bytes, *, request: Request, source_file_name: str | None
) -> BulkActivity:
    activity_id = ActivityId(new_id())
    file_name = f"{runner.UPLOADS}/{account_id}/{activity_id}"
    await storage.put(file_name, content)
    new = New(
        activity_id=activity_id,
        kind=kind,
        request=request,
        file_name=file_name,
        source_file_name=source_file_name,
    )
    return await runner.start(conn, account_id, new)


def _read_list_ids(texts: Sequence[str]) -> list[ListId]:
    """Identifiers joined by commas, in repeated parts, or as a JSON array; each once. Raises: Invalid."""
    parts: list[str] = []
    for text in texts:
        try:
            is_array = text.lstrip().startswith("[")
            parts += msgspec.json.decode(text, type=list[str]) if is_array else text.split(",")
        except msgspec.DecodeError as error:
            raise Invalid("list_ids is invalid") from error
    given = [part.strip() for part in parts if part.strip()]
    if not given:
        raise Invalid("list_ids is empty")
    if not all(is_uuid(part) for part in given):
        raise Invalid("list_ids is invalid")
    list_ids = list(dict.fromkeys(ListId(UUID(part)) for part in given))
    if len(list_ids) > _MOST_LISTS:
        raise Invalid(too_many("list_ids", _MOST_LISTS))
    return list_ids


def _read_permission(text: str | None) -> SmsPermission | None:
    match (text or "").strip():
        case "":
            return None
        case "explicit":
            return "explicit"
        case "not_set":
            return "not_set"
        case _:
            raise Invalid("sms_permission_to_send does not have a valid value")


def _read_file(content: bytes, permission: SmsPermission | None, read: Callable[[bytes], str]) -> bytes:
    """The part of a file that is imported, as UTF-8, its headings being fit. Raises: Invalid."""
    text = read(content)
    if not text.strip():
        raise Invalid("file is empty")
    cleaned = text.encode()
    csv_columns.check(csv_rows.read_header(io.BytesIO(cleaned)).columns, permission)
    return cleaned
