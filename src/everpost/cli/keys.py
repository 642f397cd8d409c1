"""`everpost keys`: the keys that sign access tokens."""

import asyncio

import typer

from everpost.cli import acting, instance
from everpost.oauth import keys

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
    acting.print_json(acting.in_transaction(keys.all_known))


async def _rotate() -> str:
    async with instance.database() as db:
        return await keys.rotate(db)
