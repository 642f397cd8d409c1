"""SMTP servers to test against: a scripted one that says what a test wants, and Debian's smtp-sink."""

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from everpost.delivery.message import Message
from everpost.delivery.smtp import Connection, Outcome
from everpost.platform.relays import Relay
from tests.support.instance import free_port

Answers = Callable[[str, str], "str | None"]


class ScriptedServer:
    """Answers as `answer(verb, line)` says: a reply, None for the usual one, or CLOSE. Keeps what it took in `taken`, and what not in `refused`."""

    CLOSE = "close"

    def __init__(
        self, answer: Answers | None = None, *, extensions: str = "PIPELINING", tls: ssl.SSLContext | None = None
    ) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.refused: list[tuple[str, bytes]] = []
        self.lines: list[str] = []
        self.connections = 0
        self.is_encrypted = False
        self.port = free_port()
        self._answer = answer or (lambda verb, line: None)
        self._extensions = extensions
        self._tls = tls

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**22)
        try:
            yield self
        finally:
            server.close()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        extensions = self._extensions.split()
        recipient = ""
        if not await self._say(writer, self._answer("BANNER", "") or "220 scripted"):
            return
        while line := (await reader.readline()).decode():
            line = line.rstrip("\r\n")
            self.lines.append(line)
            verb = line.partition(" ")[0].upper()
            said = self._answer(verb, line)
            if verb == "EHLO" and said is None:
                said = "\r\n".join(
                    f"250{'-' if number < len(extensions) else ' '}{name}"
                    for number, name in enumerate(["scripted", *extensions])
                )
            if verb == "STARTTLS" and said is None:
                await self._say(writer, "220 go on")
                assert self._tls is not None
                await writer.start_tls(self._tls)
                self.is_encrypted = True
                extensions = [name for name in extensions if name != "STARTTLS"]
                continue
            if verb == "AUTH" and said is None:
                said = "235 welcome"
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
            said = said or ("354 go on" if verb == "DATA" else "250 2.0.0 fine")
            if not await self._say(writer, said):
                return
            if verb == "DATA" and said.startswith("354") and not await self._take_text(reader, writer, recipient):
                return

    async def _take_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str) -> bool:
        """Whether the session goes on."""
        content = b""
        while (text := await reader.readline()) != b".\r\n":
            if not text:
                return False
            content += text[1:] if text.startswith(b".") else text
        said = self._answer("TEXT", recipient) or "250 2.0.0 taken"
        if content:
            (self.refused if said.startswith(("4", "5")) else self.taken).append((recipient, content))
        return await self._say(writer, said)

    async def _say(self, writer: asyncio.StreamWriter, said: str) -> bool:
        if said == self.CLOSE:
            return False
        writer.write(said.encode() + b"\r\n")
        await writer.drain()
        return not said.startswith("421")


def relay(port: int, **options: object) -> Relay:
    return Relay(**{"host": "127.0.0.1", "port": port, "hello": "tester.example", **options})  # type: ignore[arg-type]


def message(number: int, recipient: str | None = None, data: bytes = b"Subject: x\r\n\r\nhello\r\n") -> Message:
    return Message(number, b"news@harborlane.example", (recipient or f"reader{number}@example.com").encode(), data)


async def sent(to: Relay, messages: Iterator[Message]) -> list[tuple[object, Outcome]]:
    """What became of each message over one connection."""
    connection = await Connection.open(to)
    outcomes: list[tuple[object, Outcome]] = []
    await connection.submit(messages, lambda each, outcome: outcomes.append((each.key, outcome)))
    await connection.close()
    return outcomes


SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")


@contextlib.contextmanager
def smtp_sink(*options: str) -> Iterator[tuple[int, Path]]:
    """Debian's smtp-sink; yields its port and the folder where it puts every message in a file of its own."""
    assert SINK is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="everpost-sink-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o777)  # as root the sink runs as nobody
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen([SINK, *user, *options, "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100"])
        time.sleep(0.3)
        try:
            yield port, folder
        finally:
            process.terminate()
            process.wait()
