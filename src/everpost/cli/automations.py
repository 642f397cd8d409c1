"""`everpost automation`: welcome, birthday and anniversary mails of an account."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from everpost.campaigns import automation_runs, automations
from everpost.campaigns.automations import Automation, Kind, NewAutomation
from everpost.cli import acting
from everpost.cli.acting import Account
from everpost.contacts import lists
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

commands = typer.Typer()
automation_commands = typer.Typer(help="Mails that go by themselves: welcome, birthday, anniversary.")
commands.add_typer(automation_commands, name="automation")

Id = Annotated[UUID, typer.Argument(help="The automation's id, as `list` prints it.")]


class NoSuchList(NotFound):
    """The account has no list named {name}."""


@automation_commands.command("create")
def create_automation(
    kind: Annotated[Kind, typer.Argument(help="welcome, birthday or anniversary.")],
    html: Annotated[Path, typer.Option(help="File with the HTML; [[FirstName]] and all other tags work.")],
    subject: Annotated[str, typer.Option(help="The subject; tags work here, too.")],
    from_email: Annotated[str, typer.Option(help="A confirmed sender address; answers go there as well.")],
    from_name: Annotated[str, typer.Option(help="The sender's name.")],
    *,
    list_name: Annotated[str | None, typer.Option("--list", help="Welcome: the list that people join.")] = None,
    days_before: Annotated[int, typer.Option(help="Birthday, anniversary: so many days before it, 0 to 14.")] = 0,
    preheader: Annotated[str, typer.Option(help="What inboxes show beside the subject.")] = "",
    account: Account = None,
) -> None:
    """Make an automation, switched off; prints it as JSON."""

    async def act(conn: Conn, account_id: AccountId) -> Automation:
        new = NewAutomation(
            kind=kind,
            from_name=from_name,
            from_email=from_email,
            reply_to_email=from_email,
            subject=subject,
            preheader=preheader,
            html_content=html.read_text("utf-8"),
            list_id=await _list_id(conn, account_id, list_name) if list_name else None,
            days_before=days_before,
        )
        return await automations.create(conn, account_id, new)

    acting.print_json(acting.in_account(account, act))


@automation_commands.command("list")
def list_automations(account: Account = None) -> None:
    """Print the account's automations as JSON."""
    acting.print_json(acting.in_account(account, automations.every_one))


@automation_commands.command("on")
def switch_on(automation_id: Id, account: Account = None) -> None:
    """From now on it is sent."""
    acting.in_account(
        account, lambda conn, account_id: automation_runs.switch(conn, account_id, automation_id, is_on=True)
    )


@automation_commands.command("off")
def switch_off(automation_id: Id, account: Account = None) -> None:
    """From now on it is not sent."""
    acting.in_account(
        account, lambda conn, account_id: automation_runs.switch(conn, account_id, automation_id, is_on=False)
    )


@automation_commands.command("delete")
def delete_automation(automation_id: Id, account: Account = None) -> None:
    """Forget an automation; what it sent stays counted."""
    acting.in_account(account, lambda conn, account_id: automations.delete(conn, account_id, automation_id))


async def _list_id(conn: Conn, account_id: AccountId, name: str) -> ListId:
    list_id = await lists.find_by_name(conn, account_id, name)
    if list_id is None:
        raise NoSuchList(name=name)
    return list_id
