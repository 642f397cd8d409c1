"""`everpost token`, `everpost app`: what a script needs before it can call the API."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from everpost.cli import acting, instance, limits
from everpost.ids import AppId
from everpost.oauth import apps, scopes, tokens
from everpost.oauth.apps import Kind, NewApp

commands = typer.Typer()
app_commands = typer.Typer(help="Applications that may ask people for access.")
commands.add_typer(app_commands, name="app")
app_commands.command("limit")(limits.limit_app)


@commands.command()
def token(
    account: Annotated[
        str | None, typer.Option(help="E-mail address of whom it acts for; else the demo account.")
    ] = None,
    scope: Annotated[str, typer.Option(help="Scopes, separated by spaces; else all that the API needs.")] = "",
) -> None:
    """Print an access token, and nothing else."""
    try:
        print(asyncio.run(_mint(account, scope)))
    except scopes.UnknownScope as error:
        known = ", ".join(scopes.MEANINGS)
        raise typer.BadParameter(f"{error} is no scope. Known are: {known}.", param_hint="--scope") from error


@app_commands.command("create")
def create_app(
    *,
    name: Annotated[str, typer.Option(help="Name that people see when they grant access.")],
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where people are sent back to; may be repeated.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Without a secret: for browsers and phones (PKCE).")] = False,
    device: Annotated[bool, typer.Option("--device", help="For devices that have no browser.")] = False,
    long_lived: Annotated[bool, typer.Option("--long-lived", help="Refresh tokens that do not rotate.")] = False,
) -> None:
    """Make an application; prints its `client_id` and, this once, its `client_secret` as JSON."""
    new = NewApp(
        name=name,
        kind=_kind(is_public=public, is_device=device),
        redirect_uris=redirect_uri or (),
        refresh_token_type="long_lived" if long_lived else "rotating",
    )
    acting.print_json(acting.in_transaction(lambda conn: apps.create(conn, new)))


@app_commands.command("approve")
def approve_app(
    client_id: Annotated[UUID, typer.Argument(help="The application, by its API key.")],
) -> None:
    """Let an application be public, where new ones stay private until then (`portal_require_approval`)."""
    acting.in_transaction(lambda conn: apps.approve(conn, AppId(client_id)))


async def _mint(account: str | None, scope: str) -> str:
    async with instance.database() as db:
        return await tokens.mint_for_command_line(db, account, scopes.read(scope))


def _kind(*, is_public: bool, is_device: bool) -> Kind:
    if is_public and is_device:
        raise typer.BadParameter("An application is either public or for devices.", param_hint="--device")
    if is_device:
        return "device"
    return "pkce" if is_public else "web"
