"""`everpost import` and `everpost export`: contacts from a file and into one, through the instance that runs."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from everpost.activities import exports, import_requests, imports, ledger
from everpost.activities.file_parts import Parts
from everpost.activities.shapes import BulkActivity, ContactsExport, ExportStatus, FileImport
from everpost.cli import instance
from everpost.contacts import lists
from everpost.ids import AccountId, ListId
from everpost.oauth import tokens
from everpost.platform import storage
from everpost.platform.db import Conn, Db
from everpost.platform.errors import NotFound
from everpost.platform.validation import is_uuid

commands = typer.Typer()

_POLL_SECONDS: Final = 0.3
_LARGEST_BYTES: Final = 1024 * 1024 * 1024
_COUNTED: Final = {
    "person_count": "rows",
    "error_count": "with errors",
    "correctable_count": "to be corrected",
    "cannot_add_to_list_count": "unsubscribed, on no list",
    "items_completed_count": "contacts",
}

console = Console(stderr=True, highlight=False)

AccountOption = Annotated[
    str | None, typer.Option("--account", help="E-mail address of whom it acts for; else the demo account.")
]


@commands.command("import")
def import_contacts(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file, of any length.")
    ],
    into: Annotated[list[str], typer.Option("--list", help="Name or id of a contact list; may be repeated.")],
    account: AccountOption = None,
    sms_permission: Annotated[
        Literal["explicit", "not_set"] | None, typer.Option(help="Needed when the file has a column sms_number.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where to save the rows that were not taken.")
    ] = None,
) -> None:
    """Import contacts from a CSV file."""
    if file.stat().st_size > _LARGEST_BYTES:
        raise typer.BadParameter("The file is larger than 1 GB; split it.", param_hint="FILE")
    _end(asyncio.run(_import(file, into, account, sms_permission, rejected)))


@commands.command("export")
def export_contacts(
    file: Annotated[Path, typer.Argument(dir_okay=False, writable=True, help="Where to write the CSV file.")],
    of: Annotated[
        list[str] | None, typer.Option("--list", help="Name or id of a contact list; may be repeated; else everybody.")
    ] = None,
    account: AccountOption = None,
    status: Annotated[
        Literal["active", "unsubscribed", "removed", "all"] | None, typer.Option(help="Only contacts like these.")
    ] = None,
) -> None:
    """Export contacts to a CSV file."""
    _end(asyncio.run(_export(file, of or [], account, status)))


async def _import(
    file: Path,
    names: list[str],
    account: str | None,
    sms_permission: Literal["explicit", "not_set"] | None,
    rejected: Path | None,
) -> BulkActivity:
    content = await asyncio.to_thread(file.read_bytes)
    async with instance.database() as db:
        async with db.transaction() as conn:
            account_id = (await tokens.person_for_command_line(conn, account)).account_id
            given = FileImport(
                file_name=file.name,
                content=content,
                list_ids=[str(await _list_id(conn, account_id, name)) for name in names],
                sms_permission_to_send=sms_permission,
            )
            activity = await import_requests.start_whole_file(conn, account_id, given)
        del content, given
        done = await _watched(db, account_id, activity, f"Importing {file.name}")
        await _save_rejected(db, account_id, done, rejected)
    return done


async def _export(file: Path, names: list[str], account: str | None, status: ExportStatus | None) -> BulkActivity:
    async with instance.database() as db:
        async with db.transaction() as conn:
            account_id = (await tokens.person_for_command_line(conn, account)).account_id
            list_ids = [await _list_id(conn, account_id, name) for name in names]
            activity = await exports.start(conn, account_id, ContactsExport(list_ids=list_ids, status=status))
        done = await _watched(db, account_id, activity, f"Exporting to {file.name}")
        if done.state == "completed":
            async with db.reader() as conn:
                parts = await exports.finished(conn, account_id, done.activity_id)
            await _save(parts, file)
    return done


async def _list_id(conn: Conn, account_id: AccountId, name: str) -> ListId:
    """Raises: BadParameter."""
    found = ListId(UUID(name)) if is_uuid(name) else await lists.find_by_name(conn, account_id, name)
    if found is None:
        raise typer.BadParameter(f"There is no contact list {name}.", param_hint="--list")
    return found


async def _watched(db: Db, account_id: AccountId, activity: BulkActivity, text: str) -> BulkActivity:
    """The activity once it is over, with a bar until then."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(text, total=100)
        while activity.completed_at is None:
            await asyncio.sleep(_POLL_SECONDS)
            async with db.reader() as conn:
                activity = await ledger.get(conn, account_id, activity.activity_id)
            progress.update(bar, completed=activity.percent_done)
    return activity


async def _save_rejected(db: Db, account_id: AccountId, done: BulkActivity, file: Path | None) -> None:
    async with db.reader() as conn:
        try:
            parts = await imports.rejected_rows_of(conn, account_id, done.activity_id)
        except NotFound:
            return
    if file is not None:
        await _save(parts, file)
        console.print(f"The rows that were not taken are in {file}.", markup=False, soft_wrap=True)
    else:
        console.print("Some rows were not taken; --rejected FILE saves them.", markup=False)


async def _save(parts: Parts, file: Path) -> None:
    with await asyncio.to_thread(file.open, "wb") as target:
        async for piece in storage.pieces(parts.names):
            await asyncio.to_thread(target.write, piece)


def _end(done: BulkActivity) -> None:
    """Tell the counts and what went wrong; ends with 1 unless the activity was completed."""
    for error in done.activity_errors:
        console.print(error, markup=False, soft_wrap=True)
    status: dict[str, Any] = done.status if isinstance(done.status, dict) else {}
    counts = [f"{status[name]:,} {words}" for name, words in _COUNTED.items() if status.get(name)]
    print(f"{done.state}: {', '.join(counts) or 'nothing'}")
    if done.state != "completed":
        raise typer.Exit(1)
