"""`everpost recount`: hold the numbers of the reports against the ledger of what happened, and set them right.

It may run beside a running instance at any time: while an activity is looked at, its numbers stand still.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from everpost.cli import instance
from everpost.ids import AccountId
from everpost.platform.db import Db
from everpost.reports import totals, variants
from everpost.tracking import recount
from everpost.tracking.recount import Activity, Difference

commands = typer.Typer()


@commands.command("recount")
def recount_all(
    *,
    account: Annotated[UUID | None, typer.Option(help="Id of the account; else all of them.")] = None,
    repair: Annotated[bool, typer.Option(help="Set right what is wrong.")] = False,
) -> None:
    """Compare the reports' numbers with the ledger; the exit code is 1 when something is wrong and stays so."""
    console = Console(highlight=False, soft_wrap=True)
    wrong = asyncio.run(_go_through(console, AccountId(account) if account else None, repair))
    raise typer.Exit(1 if wrong and not repair else 0)


async def _go_through(console: Console, account_id: AccountId | None, repair: bool) -> int:
    """How many activities are wrong, or were."""
    seen = wrong = 0
    async with instance.database() as db:
        async for activity, found in _look(db, account_id, repair=repair):
            seen, wrong = seen + 1, wrong + bool(found)
            for difference in found:
                console.print(
                    f"account {activity.account_id}, activity {activity.campaign_activity_id}: {difference.name} "
                    f"{difference.stored}, by the ledger {difference.counted}"
                )
    outcome = (
        "none is wrong" if not wrong else f"{wrong} repaired" if repair else f"{wrong} wrong (--repair mends them)"
    )
    console.print(f"{seen} activities counted again, {outcome}.")
    return wrong


async def _look(
    db: Db, account_id: AccountId | None, *, repair: bool
) -> AsyncIterator[tuple[Activity, list[Difference]]]:
    async with db.reader() as conn:
        activities = await recount.activities(conn, account_id)
    for activity in activities:
        account_id, activity_id = activity.account_id, activity.campaign_activity_id
        async with db.transaction() as conn:
            found = await recount.differences(conn, account_id, activity_id)
            for kept in (totals, variants):
                found += await kept.wrong(conn, account_id, activity_id)
        if found and repair:
            async with db.transaction() as conn:
                await recount.repair(conn, account_id, activity_id)
                for kept in (totals, variants):
                    await kept.forget(conn, account_id, activity_id)
        yield activity, found
