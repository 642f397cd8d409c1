"""`everpost doctor`: what is wrong with this instance, and what to do about it.

It looks and changes nothing, so it may run at any time, beside a running instance or without one. Each check says what
it found; the exit code is 1 when something is wrong.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from everpost.cli import checks, instance
from everpost.cli.checks import Finding, Grade
from everpost.platform import config, health
from everpost.platform.config import BadSetting
from everpost.platform.postgres import NotRunning

commands = typer.Typer()

_MARKS: Final = {
    Grade.GOOD: "[green]ok[/green]   ",
    Grade.DOUBTFUL: "[yellow]hmm[/yellow]  ",
    Grade.WRONG: "[red]wrong[/red]",
}


@commands.command()
def doctor(
    retry_failed_jobs: Annotated[bool, typer.Option(help="Let jobs that were given up run again.")] = False,
) -> None:
    """Explain what is wrong and what to do."""
    console = Console(highlight=False)
    worst = Grade.GOOD
    for finding in _findings(retry_failed_jobs):
        worst = max(worst, finding.grade)
        console.print(f"{_MARKS[finding.grade]} {finding.subject}: {escape(finding.found)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"      → {escape(finding.remedy)}", soft_wrap=True)
    raise typer.Exit(1 if worst is Grade.WRONG else 0)


def _findings(retry_failed_jobs: bool) -> Iterator[Finding]:
    yield checks.python_version()
    try:
        settings = config.current()
    except BadSetting as error:
        yield Finding("Settings", Grade.WRONG, str(error), "Correct the variable or everpost.toml.")
        return
    running: list[Finding]
    try:
        settings = instance.find()
    except NotRunning as error:
        running = [
            Finding("PostgreSQL", Grade.WRONG, str(error), f"If it ended by itself, see {settings.data}/postgres.log.")
        ]
    else:
        running = asyncio.run(_look_into_database(retry_failed_jobs))
    yield from checks.of_machine(settings)
    yield from running
    yield from checks.of_mail(settings)


async def _look_into_database(retry_failed_jobs: bool) -> list[Finding]:
    try:
        async with instance.database() as db:
            if retry_failed_jobs:
                async with db.transaction() as conn:
                    await health.retry_failed(conn)
            return [finding async for finding in checks.of_database(db)]
    except NotRunning as error:
        remedy = "See whether the server runs, and whether EVERPOST_DATABASE_URL is right."
        return [Finding("PostgreSQL", Grade.WRONG, str(error), remedy)]
