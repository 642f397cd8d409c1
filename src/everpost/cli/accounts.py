"""`everpost account`: organisations and the people in them, for the operator of the instance.

People are named by the address with which they sign in. Every command asks the same actions as the pages do.
"""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Annotated, Literal

import msgspec
import typer

from everpost.accounts import accounts, audit, confirmations, people, recoveries, second_factors, users
from everpost.accounts.accounts import CreatedAccount, NewAccount, Status
from everpost.accounts.users import User
from everpost.cli import acting
from everpost.cli.acting import Result
from everpost.contacts import consent_settings, lists, provisioning
from everpost.delivery import interruptions, mail_settings, permissions
from everpost.delivery.mail_settings import MailSettings
from everpost.delivery.permissions import Permissions
from everpost.ids import ListId
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound

commands = typer.Typer()
account_commands = typer.Typer(help="Accounts: an organisation and the people in it.")
commands.add_typer(account_commands, name="account")

Person = Annotated[str, typer.Argument(help="The address with which the person signs in.")]
Owner = Annotated[str, typer.Argument(help="The address of anybody of the account.")]


class NobodyThere(NotFound):
    """Nobody signs in with {email}."""


@account_commands.command("create")
def create_account(
    *,
    email: Annotated[str, typer.Option(help="Sign-in of the owner, and the first sender address.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when left out.")
    ],
    organization: Annotated[str, typer.Option(help="Name of the organisation.")] = "My organization",
    first_name: Annotated[str | None, typer.Option(help="First name of the owner.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Last name of the owner.")] = None,
    country: Annotated[str | None, typer.Option(help="Country, as two letters.")] = None,
    state: Annotated[str | None, typer.Option(help="State or province, as two letters (US and CA).")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Time zone, such as America/New_York.")] = None,
) -> None:
    """Make an account with its owner; prints it as JSON."""
    new = NewAccount(
        email=email,
        password=password,
        organization_name=organization,
        first_name=first_name,
        last_name=last_name,
        country_code=country,
        state_code=state,
        time_zone_id=time_zone,
    )
    acting.print_json(acting.in_transaction(lambda conn: _create(conn, new)))


@account_commands.command("list")
def list_accounts() -> None:
    """Print the accounts and who owns them, oldest first, as JSON."""
    acting.print_json(acting.in_transaction(_owners))


@account_commands.command("people")
def list_people(account: Owner) -> None:
    """Print everybody of an account with role and state, as JSON."""
    acting.print_json(_for(account, lambda conn, user: people.all_of(conn, user.account_id)))


@account_commands.command("invite")
def invite(
    account: Owner,
    email: Annotated[str, typer.Option(help="Who is invited.")],
    role: Annotated[str, typer.Option(help="account_manager or campaign_creator.")] = "account_manager",
) -> None:
    """Mail somebody an invitation to an account."""
    _for(account, lambda conn, user: people.invite(conn, user.account_id, email=email, role=role))


@account_commands.command("role")
def change_role(
    person: Person, role: Annotated[str, typer.Argument(help="account_manager or campaign_creator.")]
) -> None:
    """Give a person another role; it counts from their next request."""
    _for(person, lambda conn, user: people.change_role(conn, user.account_id, user.user_id, role, by=None))


@account_commands.command("deactivate")
def deactivate(person: Person) -> None:
    """Sign a person out everywhere and let them in no more; their tokens stop working."""
    _for(person, lambda conn, user: people.deactivate(conn, user.account_id, user.user_id, by=None))


@account_commands.command("activate")
def activate(person: Person) -> None:
    """Let a person in again."""
    _for(person, lambda conn, user: people.activate(conn, user.account_id, user.user_id, by=None))


@account_commands.command("status")
def set_status(account: Owner, status: Annotated[Status, typer.Argument(help="active, disabled or canceled.")]) -> None:
    """Say whether an account may act: its people's sessions and tokens follow at once."""
    _for(account, lambda conn, user: people.set_account_status(conn, user.account_id, status))


@account_commands.command("confirmed-opt-in")
def confirm_opt_ins(account: Owner, switch: Annotated[Literal["on", "off"], typer.Argument(help="on or off.")]) -> None:
    """Say whether people who sign up must confirm by mail before they get any."""
    is_on = switch == "on"
    _for(account, lambda conn, user: consent_settings.set_opt_in_confirmed(conn, user.account_id, is_on=is_on))


@account_commands.command("settings")
def change_mail_settings(
    account: Owner,
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Such as has_forward_link=true, privacy_policy_url=https://..., visible_lists=News;Tips."),
    ] = None,
) -> None:
    """Change what an account's mails and their pages offer to recipients, if anything; prints the settings as JSON."""
    typed = [change.partition("=") for change in changes or []]
    acting.print_json(_for(account, lambda conn, user: _change_mail_settings(conn, user, typed)))


@account_commands.command("sending")
def change_permissions(
    account: Owner,
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Such as is_under_review=true, is_staging=true, most_recipients=50000 (or none)."),
    ] = None,
) -> None:
    """Hold back what an account sends, or bound a send, if anything is to change; prints what is so now as JSON.

    An account that comes under review has all its sends paused; they wait until somebody resumes them after it.
    """
    typed = [change.partition("=") for change in changes or []]
    acting.print_json(_for(account, lambda conn, user: _change_permissions(conn, user, typed)))


@account_commands.command("confirm")
def confirm(person: Person) -> None:
    """Vouch for the address of a person who signed up, instead of the link in their mail."""
    _for(person, _vouch_for)


@account_commands.command("confirm-sender")
def confirm_sender(account: Owner, address: Annotated[str, typer.Argument(help="The address that waits.")]) -> None:
    """Vouch for a sender address of an account, instead of the link in the mail that went there."""
    _for(account, lambda conn, user: confirmations.vouch_for(conn, user.account_id, address))


@account_commands.command("password")
def set_password(
    person: Person,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when left out.")
    ],
) -> None:
    """Give a person another password; they are signed out everywhere, and their applications have to connect again."""
    # The new password is a fact, and its subscribers live in other slices; no other command waits for them to load.
    import_module("everpost.worker").load_jobs()
    _for(person, lambda conn, user: recoveries.set_password(conn, user, password))


@account_commands.command("reset-second-factor")
def reset_second_factor(person: Person) -> None:
    """Let a person who lost phone and recovery codes sign in with the password alone."""
    _for(person, lambda conn, user: second_factors.turn_off(conn, user.user_id))


def _for(email: str, act: Callable[[Conn, User], Awaitable[Result]]) -> Result:
    """Find the person, and act in one transaction. Raises: NobodyThere."""

    async def find_and_act(conn: Conn) -> Result:
        user = await users.find_by_email(conn, email)
        if user is None:
            raise NobodyThere(email=email)
        return await act(conn, user)

    return acting.in_transaction(find_and_act)


async def _create(conn: Conn, new: NewAccount) -> CreatedAccount:
    created = await accounts.create(conn, new)
    await provisioning.provision(conn, created.account_id)
    return created


async def _owners(conn: Conn) -> list[dict[str, str]]:
    owners = [await users.owner(conn, account_id) for account_id in await accounts.all_ids(conn)]
    return [{"account_id": str(owner.account_id), "email": owner.email} for owner in owners]


async def _change_mail_settings(conn: Conn, user: User, typed: list[tuple[str, str, str]]) -> MailSettings:
    held = await mail_settings.get(conn, user.account_id)
    settings = msgspec.structs.asdict(held)
    # Without lists that were deleted since they were marked.
    settings["visible_list_ids"] = [
        each.list_id for each in await mail_settings.visible_lists(conn, user.account_id, held)
    ]
    for name, _, value in typed:
        if name == "visible_lists":
            settings["visible_list_ids"] = [await _list_id(conn, user, each) for each in value.split(";") if each]
        elif name in settings:
            settings[name] = value
        else:
            raise typer.BadParameter(f"There is no setting {name!r}; there are: {', '.join(settings)}, visible_lists.")
    try:
        wanted = msgspec.convert(settings, MailSettings, strict=False)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from error
    await mail_settings.replace(conn, user.account_id, wanted)
    return wanted


async def _change_permissions(conn: Conn, user: User, typed: list[tuple[str, str, str]]) -> Permissions:
    before = await permissions.find(conn, user.account_id)
    said: dict[str, object] = msgspec.structs.asdict(before)
    for name, _, value in typed:
        if name not in said:
            raise typer.BadParameter(f"There is no permission {name!r}; there are: {', '.join(said)}.")
        said[name] = None if value == "none" else value
    try:
        wanted = msgspec.convert(said, Permissions, strict=False)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from error
    if wanted.most_recipients is not None and wanted.most_recipients < 1:
        raise typer.BadParameter("most_recipients must be 1 or more, or none.")
    await permissions.replace(conn, user.account_id, wanted)
    if wanted.is_under_review and not before.is_under_review:
        paused = await interruptions.pause_account(conn, user.account_id, "The account is under review.")
        typer.echo(f"{paused} mailings are paused.", err=True)
    return wanted


async def _list_id(conn: Conn, user: User, name: str) -> ListId:
    list_id = await lists.find_by_name(conn, user.account_id, name.strip())
    if list_id is None:
        raise typer.BadParameter(f"There is no list {name.strip()!r}.")
    return list_id


async def _vouch_for(conn: Conn, user: User) -> None:
    await recoveries.confirm_address(conn, user, source="SUPPORT")
    await audit.append(conn, "email.confirmed", account_id=user.account_id, user_id=user.user_id, by="operator")
