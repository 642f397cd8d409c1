"""`everpost mailing`: what is being sent, how to stop it, and why somebody got nothing."""

from typing import Annotated
from uuid import UUID

import typer

from everpost import worker
from everpost.campaigns import traces as campaign_traces
from everpost.cli import acting
from everpost.cli.acting import Account
from everpost.delivery import interruptions, mailings, outbox, traces
from everpost.delivery.traces import Outcome
from everpost.ids import AccountId, ContactId, MailingId
from everpost.platform.db import Conn

commands = typer.Typer()
mailing_commands = typer.Typer(help="Campaigns on their way out.")
commands.add_typer(mailing_commands, name="mailing")

Mailing = Annotated[UUID, typer.Argument(help="Id of the mailing, as `mailing list` shows it.")]


@mailing_commands.command("list")
def list_mailings(account: Account = None, limit: Annotated[int, typer.Option(help="How many, at most.")] = 20) -> None:
    """List the newest mailings of an account."""
    for each in acting.in_account(account, lambda conn, account_id: mailings.newest(conn, account_id, limit=limit)):
        print(
            f"{each.mailing_id}  {each.created_at:%Y-%m-%d %H:%M}  {each.state:<9}  {each.recipients:>9,}"
            f"  {each.pause_reason or ''}".rstrip()
        )


@mailing_commands.command("show")
def show(mailing: Mailing, account: Account = None) -> None:
    """Count what became of the recipients of a mailing."""
    acting.in_account(account, lambda conn, account_id: _show(conn, account_id, MailingId(mailing)))


@mailing_commands.command("pause")
def pause(mailing: Mailing, account: Account = None) -> None:
    """Let nothing more of it leave until it is resumed."""
    acting.in_account(account, lambda conn, account_id: interruptions.pause(conn, account_id, MailingId(mailing)))
    print("It is paused.")


@mailing_commands.command("resume")
def resume(mailing: Mailing, account: Account = None) -> None:
    """Go on with a paused mailing; it does not pause itself again."""
    worker.load_jobs()  # its subscribers live in other slices
    acting.in_account(account, lambda conn, account_id: outbox.resume(conn, account_id, MailingId(mailing)))
    print("It goes on.")


@mailing_commands.command("cancel")
def cancel(mailing: Mailing, account: Account = None) -> None:
    """Send it to nobody else, for ever."""
    worker.load_jobs()
    acting.in_account(account, lambda conn, account_id: outbox.cancel(conn, account_id, MailingId(mailing)))
    print("It is cancelled.")


@mailing_commands.command("recipients")
def list_recipients(
    mailing: Mailing,
    account: Account = None,
    status: Annotated[
        Outcome | None, typer.Option(help="waiting, sending, sent, bounced, unknown or suppressed; else all.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, at most.")] = 1000,
) -> None:
    """List recipients of a mailing and what became of each, such as those of whom nobody knows: --status unknown."""
    found = acting.in_account(
        account,
        lambda conn, account_id: traces.page(
            conn, account_id, MailingId(mailing), after=None, limit=limit, status=status
        ),
    )
    for trace in found:
        print(f"{trace.email_address or trace.contact_id}: {trace.sentence}")


@mailing_commands.command("why")
def why(
    mailing: Mailing,
    contact: Annotated[str, typer.Argument(help="Id or e-mail address of the contact.")],
    account: Account = None,
) -> None:
    """Say why a contact did or did not get a mailing."""
    print(acting.in_account(account, lambda conn, account_id: _why(conn, account_id, MailingId(mailing), contact)))


async def _show(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    summary = await mailings.summary(conn, account_id, mailing_id)
    if summary is None:
        raise interruptions.NoMailing
    progress = await mailings.progress(conn, account_id, mailing_id)
    print(f"state       {summary.state}")
    if summary.pause_reason:
        print(f"reason      {summary.pause_reason}")
    print(f"recipients  {summary.recipients:,}")
    for name in progress.__struct_fields__:
        print(f"{name:<11} {getattr(progress, name):,}")


async def _why(conn: Conn, account_id: AccountId, mailing_id: MailingId, named: str) -> str:
    trace = await campaign_traces.find(conn, account_id, mailing_id, await _contact(conn, account_id, named))
    return f"{trace.email_address or trace.contact_id}: {trace.sentence}"


async def _contact(conn: Conn, account_id: AccountId, named: str) -> ContactId:
    """Raises: NoContact."""
    try:
        return ContactId(UUID(named))
    except ValueError:
        return await traces.contact_at(conn, account_id, named)
