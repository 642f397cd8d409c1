"""The `everpost` command. A command's module is imported when it is used, so that each starts quickly."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from everpost.platform.config import BadSetting
from everpost.platform.errors import ApiError
from everpost.platform.postgres import PostgresError
from everpost.platform.processes import StartFailed

# In the order of --help.
COMMANDS: Final = {
    "up": "up",
    "serve": "serve",
    "work": "work",
    "receive": "receive",
    "migrate": "migrate",
    "token": "identity",
    "app": "identity",
    "account": "accounts",
    "import": "files",
    "export": "files",
    "mailing": "mailing",
    "automation": "automations",
    "domain": "sending",
    "unhold": "sending",
    "keys": "keys",
    "backup": "backup",
    "restore": "backup",
    "doctor": "doctor",
    "recount": "recount",
    "routes": "listings",
    "events": "listings",
}
# What `everpost up` calls; not for people.
INTERNAL: Final = {"prepare": "migrate"}


class _Lazily(TyperGroup):
    """Finds a command in the module that has it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = COMMANDS.get(cmd_name) or INTERNAL.get(cmd_name)
        if name is None:
            return None
        module = import_module(f"everpost.cli.{name}")
        return typer.main.get_group(module.commands).get_command(ctx, cmd_name)


app = typer.Typer(cls=_Lazily, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def everpost(
    data: Annotated[Path | None, typer.Option(help="Data folder of the instance; else EVERPOST_DATA.")] = None,
) -> None:
    """Everpost: self-hosted email marketing."""
    if data is not None:
        os.environ["EVERPOST_DATA"] = str(data.absolute())


def main() -> None:
    """Run the command; what a person can mend is printed without a traceback."""
    try:
        app()
    except (BadSetting, PostgresError, StartFailed) as error:
        _fail(str(error))
    except ApiError as error:
        _fail(" ".join(error.messages))


def _fail(message: str) -> None:
    Console(stderr=True, highlight=False).print(message, style="red", markup=False, soft_wrap=True)
    sys.exit(1)
