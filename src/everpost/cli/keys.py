"""`everpost keys`: the keys that sign access tokens."""

import asyncio
from typing import Any

import msgspec
import typer

from everpost.cli import instance
from everpost.oauth import keys
from everpost.oauth.keys import KeyState

commands = typer.Typer()
key_commands = typer.Typer(help="Keys that sign access tokens.")
commands.add_typer(key_commands, name="keys")


@key_commands.command("rotate")
def rotate_keys() -> None:
    """Sign with a new key from now on; the previous one stays published for 48 hours. Prints the new key's id."""
    print(asyncio.run(_rotate()))


@key_commands.command("list")
def list_keys() -> None:
    """Print the published keys, the current one first, as JSON."""
    _print_json(asyncio.run(_list()))


async def _rotate() -> str:
    async with instance.database() as db:
        return await keys.rotate(db)


async def _list() -> list[KeyState]:
    async with instance.database() as db, db.reader() as conn:
        return await keys.all_known(conn)


def _print_json(answer: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
