"""How commands act on the instance that runs, and print what came of it: one transaction each, and JSON for scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
import typer

from everpost.cli import instance
from everpost.ids import AccountId
from everpost.oauth import tokens
from everpost.platform.db import Conn

Result = TypeVar("Result")
Account: TypeAlias = Annotated[
    str | None, typer.Option("--account", help="E-mail address of somebody in it; else the demo account.")
]


def in_transaction(act: Callable[[Conn], Awaitable[Result]]) -> Result:
    """Raises: NotRunning, and what `act` raises."""

    async def run() -> Result:
        async with instance.database() as db, db.transaction() as conn:
            return await act(conn)

    return asyncio.run(run())


def in_account(email: str | None, act: Callable[[Conn, AccountId], Awaitable[Result]]) -> Result:
    """The same in the account of the person with this address. Raises: NoSuchAccount, AccountNotChosen."""

    async def find_and_act(conn: Conn) -> Result:
        person = await tokens.person_for_command_line(conn, email)
        return await act(conn, person.account_id)

    return in_transaction(find_and_act)


def print_json(answer: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
