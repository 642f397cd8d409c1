"""`everpost domain`, `everpost unhold`: who signs an account's mail, and addresses that are sent to again."""

import asyncio
from typing import Annotated

import typer

from everpost.cli import acting, instance
from everpost.cli.acting import Account
from everpost.delivery import dns_checks, holds, sending_domains
from everpost.delivery.dns_checks import NoAnswer, Record
from everpost.delivery.sending_domains import BadDomain, NewKey
from everpost.ids import AccountId
from everpost.oauth import tokens
from everpost.platform.db import Conn

commands = typer.Typer()
domain_commands = typer.Typer(help="Domains that an account sends from, and their DKIM keys.")
commands.add_typer(domain_commands, name="domain")

Name = Annotated[str, typer.Argument(help="The domain, such as example.com.")]


@domain_commands.command("add")
def add_domain(name: Name, account: Account = None) -> None:
    """Make DKIM keys for a domain and print the DNS records to publish."""
    domain, made = _normal(name), asyncio.run(sending_domains.new_keys())
    acting.in_account(account, lambda conn, account_id: _add(conn, account_id, domain, made))


@domain_commands.command("check")
def check_domain(name: Name, account: Account = None) -> None:
    """Look for the records in the DNS; keys that are there begin to sign. The exit code is 1 while one is missing."""
    try:
        records = asyncio.run(_check(_normal(name), account))
    except NoAnswer as error:
        typer.echo(f"The name servers do not answer: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if all(record.is_there for record in records) else 1)


@domain_commands.command("rotate")
def rotate_domain(name: Name, account: Account = None) -> None:
    """Make new keys; the old ones sign until the new ones are in the DNS."""
    domain, made = _normal(name), asyncio.run(sending_domains.new_keys())
    acting.in_account(account, lambda conn, account_id: _rotate(conn, account_id, domain, made))


@domain_commands.command("remove")
def remove_domain(name: Name, account: Account = None) -> None:
    """Forget a domain and its keys."""
    acting.in_account(account, lambda conn, account_id: sending_domains.remove(conn, account_id, _normal(name)))


@commands.command("unhold")
def unhold(address: Annotated[str, typer.Argument(help="The e-mail address.")]) -> None:
    """Send to an address again that servers called unknown."""
    was_held = acting.in_transaction(lambda conn: holds.lift(conn, address))
    print(f"{address} {'is no longer' if was_held else 'was not'} on hold.")


async def _add(conn: Conn, account_id: AccountId, domain: str, made: list[NewKey]) -> None:
    await sending_domains.add(conn, account_id, domain, made)
    await _print_records(conn, account_id, domain)


async def _check(domain: str, email: str | None) -> list[Record]:
    async with instance.database() as db:
        async with db.reader() as conn:
            account_id = (await tokens.person_for_command_line(conn, email)).account_id
        await dns_checks.check(db, account_id, domain)
        async with db.reader() as conn:
            return await _print_records(conn, account_id, domain)


async def _rotate(conn: Conn, account_id: AccountId, domain: str, made: list[NewKey]) -> None:
    if await sending_domains.find(conn, account_id, domain) is None:
        raise typer.BadParameter(f"{domain} was not added yet.")
    await sending_domains.rotate(conn, account_id, domain, made)
    await _print_records(conn, account_id, domain)


async def _print_records(conn: Conn, account_id: AccountId, domain: str) -> list[Record]:
    records = await dns_checks.records(conn, account_id, domain)
    for record in records:
        print(f"[{'x' if record.is_there else ' '}] {record.purpose}\n    {record.name}\n    TXT {record.value}")
    return records


def _normal(name: str) -> str:
    try:
        return sending_domains.normal(name)
    except BadDomain as error:
        raise typer.BadParameter(f"{name!r} is not a domain.") from error
