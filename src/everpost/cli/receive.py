"""`everpost receive`: takes the mail that comes back, as a mail server of its own or piped in by another one."""

import asyncio
import os
import signal
import sys
from typing import Annotated

import typer

from everpost.cli import instance
from everpost.delivery import inbound, inbound_smtp, inbound_tls, notices
from everpost.platform import config, logs
from everpost.platform.config import BadSetting, Settings
from everpost.platform.db import connect
from everpost.platform.processes import StartFailed

commands = typer.Typer()

_CHUNK_BYTES = 64 * 1024


@commands.command()
def receive(
    pipe: Annotated[
        str | None, typer.Option(metavar="RECIPIENT", help="Take one mail to this address from standard input.")
    ] = None,
) -> None:
    """Take bounces, complaints and unsubscribing mails: listen on EVERPOST_INBOUND_SMTP, or read one mail.

    With --pipe, the exit code is 0 when the mail was taken (or means nothing) and 75 when it should be tried again.
    """
    if pipe is None:
        asyncio.run(_listen(instance.find()))
    else:
        raise typer.Exit(_take(pipe))


async def _listen(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises: BadSetting, StartFailed."""
    if settings.inbound_smtp is None:
        raise BadSetting("Set EVERPOST_INBOUND_SMTP, such as 0.0.0.0:25, or use --pipe.")
    logs.configure("receiver")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    assert settings.database_url is not None
    certificate = inbound_tls.configured(settings)
    host, port = config.host_and_port(settings.inbound_smtp)
    db = await connect(settings.database_url, size=min(settings.database_pool_size, 8))
    try:
        async with inbound_smtp.listening(db, host, port, certificate):
            await stop.wait()
    except OSError as error:
        raise StartFailed(f"Cannot listen on {settings.inbound_smtp}: {error.strerror or error}") from error
    finally:
        await db.close()


def _take(recipient: str) -> int:
    source = sys.stdin.buffer.read(notices.READ_BYTES)
    while sys.stdin.buffer.read(_CHUNK_BYTES):
        pass  # whoever writes must get to the end, or takes it for a failure
    try:
        asyncio.run(_receive(recipient, source))
    except Exception as error:
        # A mail server bounces what fails in any other way, and there is nobody to bounce it to.
        print(f"{type(error).__name__}: the mail is to be tried again.", file=sys.stderr)
        return os.EX_TEMPFAIL
    return os.EX_OK


async def _receive(recipient: str, source: bytes) -> None:
    async with instance.database() as db:
        await inbound.receive(db, recipient, source)
