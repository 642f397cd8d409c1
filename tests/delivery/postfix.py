"""Debian's Postfix in folders of its own: STARTTLS, AUTH, and mailboxes on the disk."""

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.support import certificates
from tests.support.instance import free_port

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
USER, PASSWORD = "everpost", "a secret, with = and blanks"
DOMAIN = "customers.example"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = /tmp, {folder}
myhostname = relay.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mailboxes
virtual_mailbox_maps = texthash:{folder}/config/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
smtpd_tls_cert_file = {folder}/config/certificate.pem
smtpd_tls_key_file = {folder}/config/certificate.pem
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A relay that takes mail for `DOMAIN` from whoever signs in."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self._names = names
        self.port = free_port()
        self.sign_ins: list[str] = []

    def mailbox(self, name: str) -> list[bytes]:
        """What was delivered to name@DOMAIN."""
        return [path.read_bytes() for path in sorted((self.folder / "mailboxes" / name / "new").glob("*"))]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Postfix"]:
        self._prepare()
        auth = await asyncio.start_unix_server(self._check_passwords, self.folder / "auth")
        (self.folder / "auth").chmod(0o777)
        await asyncio.to_thread(self._run, "start")
        try:
            await self._await_answer()
            yield self
        finally:
            await asyncio.to_thread(self._run, "stop")
            auth.close()
            await asyncio.sleep(0.05)  # for the connections that ended with it

    def _prepare(self) -> None:
        for name in ("config", "queue", "data", "mailboxes"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        nobody = 65534
        os.chown(self.folder / "mailboxes", nobody, nobody)
        config = self.folder / "config"
        values = {"folder": self.folder, "domain": DOMAIN, "uid": nobody, "port": self.port}
        (config / "main.cf").write_text(_MAIN.format(**values))
        (config / "master.cf").write_text(_MASTER.format(**values).lstrip())
        (config / "mailboxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in self._names))
        (config / "certificate.pem").write_bytes(certificates.make("relay.example"))

    def _run(self, command: str) -> None:
        assert POSTFIX is not None
        done = subprocess.run(
            [POSTFIX, "-c", str(self.folder / "config"), command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout

    async def _await_answer(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert time.monotonic() < deadline, self.log()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return

    async def _check_passwords(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Dovecot's authentication protocol, version 1.1, as far as PLAIN needs it."""
        writer.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
        while line := (await reader.readline()).decode().rstrip("\n"):
            verb, *fields = line.split("\t")
            if verb != "AUTH":
                continue
            response = next(field.removeprefix("resp=") for field in fields if field.startswith("resp="))
            _, user, password = base64.b64decode(response).decode().split("\0")
            is_right = (user, password) == (USER, PASSWORD)
            self.sign_ins.append(user if is_right else "refused")
            writer.write(f"{'OK' if is_right else 'FAIL'}\t{fields[0]}\tuser={user}\n".encode())
        writer.close()


@contextlib.asynccontextmanager
async def postfix(names: Sequence[str]) -> AsyncIterator[Postfix]:
    """With a mailbox for each of these names."""
    # Sockets have short paths, and Postfix' own accounts must reach them.
    with tempfile.TemporaryDirectory(prefix="everpost-postfix-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with Postfix(folder, names).running() as server:
            yield server
