"""How fast a campaign leaves: everpost's workers against C's `smtp-source`, into the same `smtp-sink`, in the same run.

    python bench/send.py [RECIPIENTS] [--rounds N] [--dkim] [--workers N] [--connections N]

The anchor sends messages of the same size over reused connections and does nothing else. Everpost's figure is all of
it, from the release of the mailing to its end: jobs, claims, merge data, personalisation, tokens, submission, results,
the ledger of sends, by `everpost work` as it runs in earnest. With --dkim the anchor is instead how many RSA-2048
signatures one core makes in a second. CPU time is told because others may share the machine.
"""

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
import instance
import processes
import uvloop
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from instance import Instance

from everpost.accounts import accounts, addresses, demo
from everpost.contacts import lists, provisioning
from everpost.contacts.shapes import ContactListIn
from everpost.delivery import mailings, outbox, recipients
from everpost.delivery.mailings import NewMailing
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ListId, MailingId, new_id
from everpost.platform import config, migrate
from everpost.platform.db import Db, connect, connect_once
from everpost.platform.processes import own_command

FIELDS = ["FirstName", "LastName", "CompanyName", "JobTitle", "EmailAddress"]
# Of a message as it goes over the wire: plain text, HTML, quoted-printable, tokens.
MESSAGE_BYTES = 51_000
ANCHOR_MESSAGES = 20_000
CONTACTS_AT_ONCE = 100_000
STUCK_SECONDS = 60


@dataclass
class Sent:
    """What one campaign took; CPU in seconds, memory in MB of the largest worker."""

    recipients: int
    seconds: float = 0
    worker_cpu: float = 0
    postgres_cpu: float = 0
    memory: list[tuple[int, float]] = field(default_factory=list)  # after so many messages

    @property
    def rate(self) -> float:
        return self.recipients / self.seconds

    def peak(self, quarter: int) -> float:
        """The most that a worker had in the first (0) to last (3) quarter of the messages."""
        return max((used for sent, used in self.memory if min(sent * 4 // self.recipients, 3) == quarter), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipients", nargs="?", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dkim", action="store_true", help="sign with an RSA-2048 key")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="worker processes")
    parser.add_argument("--connections", type=int, default=4, help="connections of each worker")
    options = parser.parse_args()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with sink() as port, instance.embedded() as everpost:
        os.environ.update(settings(options, everpost, port, key))
        config.load(os.environ)
        uvloop.run(measure(options, everpost, port, key))


def settings(options: argparse.Namespace, everpost: Instance, port: int, key: rsa.RSAPrivateKey) -> dict[str, str]:
    """What the workers find in their environment."""
    chosen = {
        "EVERPOST_SMTP_URL": f"smtp://127.0.0.1:{port}?starttls=off",
        "EVERPOST_SMTP_CONNECTIONS": str(options.connections),
        "EVERPOST_PUBLIC_URL": "https://mail.harborlane.example",
    }
    if not options.dkim:
        return chosen
    file = everpost.data / "dkim.pem"
    private = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return chosen | {
        "EVERPOST_DKIM_DOMAIN": "harborlane.example",
        "EVERPOST_DKIM_SELECTOR": "s1",
        "EVERPOST_DKIM_KEY_FILE": str(file),
    }


async def measure(options: argparse.Namespace, everpost: Instance, port: int, key: rsa.RSAPrivateKey) -> None:
    print(f"{options.recipients:,} recipients, {len(html()):,} bytes of HTML, workers: {options.workers} with"
          f" {options.connections} connections each, {instance.machine()}")  # fmt: skip
    conn = await connect_once(everpost.url)
    await migrate.create(conn)
    db = await connect(everpost.url)
    account_id, list_id = await fill(db, conn, options.recipients)
    anchors, sends = [], []
    with workers(options.workers) as pid:
        await until_ready(conn, options.workers)
        for number in range(options.rounds):
            anchors.append(
                signatures_per_second(key) if options.dkim else source(port, options.workers * options.connections)
            )
            sends.append(await send(db, account_id, list_id, worker=pid, postmaster=everpost.postmaster))
            report_round(number, anchors[-1], sends[-1])
        report(options, anchors, sends)
        peak = max(used for sent in sends for _, used in sent.memory)
        together = processes.proportional_megabytes(pid)
        print(f"memory: largest worker {peak:.0f} MB, all together {together:.0f} MB, what they share counted once")
    await conn.close()
    await db.close()


def report_round(number: int, anchor: float, sent: Sent) -> None:
    per_message = 1e6 / sent.recipients
    print(
        f"round {number + 1}: anchor {anchor:,.0f}/s, everpost {sent.rate:,.0f}/s, ratio {sent.rate / anchor:.2f};"
        f" CPU per message: workers {sent.worker_cpu * per_message:.0f} µs,"
        f" PostgreSQL {sent.postgres_cpu * per_message:.0f} µs;"
        f" memory of a worker: first quarter {sent.peak(0):.0f} MB, last {sent.peak(3):.0f} MB"
    )


def report(options: argparse.Namespace, anchors: list[float], sends: list[Sent]) -> None:
    rate, anchor = statistics.median(sent.rate for sent in sends), statistics.median(anchors)
    what = "RSA-2048 signatures/s of one core" if options.dkim else "smtp-source"
    print(f"anchor ({what}): {anchor:,.0f}/s    everpost: {rate:,.0f} messages/s    ratio: {rate / anchor:.2f}")
    print(instance.machine())


def html() -> str:
    """20 KB, 5 merge fields, 10 links."""
    items = "".join(
        f'<p>Dear [[{FIELDS[number % 5]} OR "friend"]], <a href="https://shop.example/item/{number}?ref=mail">item'
        f" {number}</a> is new.</p>\n"
        for number in range(10)
    )
    filler = "<p>" + "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod. " * 6 + "</p>\n"
    head = "<html><head><style>p{color:#333333;margin:0 0 12px}a{color:#0645ad}</style></head><body>[[trackingImage]]"
    body = head + items
    while len(body) < 20_000:
        body += filler
    return body + "</body></html>"


@contextmanager
def sink() -> Iterator[int]:
    """Debian's smtp-sink, which accepts everything and keeps nothing; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    command = [postfix("smtp-sink"), *(["-u", "nobody"] if os.geteuid() == 0 else []), f"127.0.0.1:{port}", "1000"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not is_open(port):
            assert process.poll() is None, "smtp-sink does not start"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def postfix(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        sys.exit(f"{name} is missing: install Debian's package postfix.")
    return program


@contextmanager
def workers(number: int) -> Iterator[int]:
    """The product's own worker processes; the id of the first of them, above all the others."""
    process = subprocess.Popen(own_command("work", "--processes", str(number)))
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def until_ready(conn: asyncpg.Connection, number: int) -> None:
    """Each worker has one connection on which it hears of jobs."""
    while await conn.fetchval(LISTENING) < number:
        await asyncio.sleep(0.1)


def source(port: int, connections: int) -> float:
    """Messages per second of smtp-source: reused connections, one recipient each."""
    command = [postfix("smtp-source"), "-d", "-s", str(connections), "-l", str(MESSAGE_BYTES)]
    command += ["-m", str(ANCHOR_MESSAGES), "-f", "news@harborlane.example", "-t", "reader@customers.example"]
    started = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
    return ANCHOR_MESSAGES / (time.perf_counter() - started)


def signatures_per_second(key: rsa.RSAPrivateKey) -> float:
    started = time.perf_counter()
    count = 0
    while time.perf_counter() - started < 2:
        key.sign(b"x" * 1500, padding.PKCS1v15(), hashes.SHA256())
        count += 1
    return count / (time.perf_counter() - started)


async def fill(db: Db, conn: asyncpg.Connection, number: int) -> tuple[AccountId, ListId]:
    """An account with one list of so many contacts."""
    async with db.transaction() as transaction:
        new = accounts.NewAccount(
            email="news@harborlane.example", password="a long password", organization_name="Harbor Lane Books",
            country_code="US", state_code="ME",
        )  # fmt: skip
        account_id = (await accounts.create(transaction, new)).account_id
        await addresses.replace(transaction, account_id, demo.ADDRESS)
        await provisioning.provision(transaction, account_id)
        made = await lists.create(transaction, account_id, ContactListIn(name="Everybody"))
    for first in range(0, number, CONTACTS_AT_ONCE):
        await conn.execute(CONTACTS, account_id, first + 1, min(first + CONTACTS_AT_ONCE, number))
    await conn.execute(MEMBERSHIPS, account_id, made.list_id)
    await conn.execute("VACUUM ANALYZE")
    return account_id, made.list_id


async def send(db: Db, account_id: AccountId, list_id: ListId, *, worker: int, postmaster: int) -> Sent:
    """One campaign from its opening to its last result."""
    mailing_id, activity_id = MailingId(new_id()), CampaignActivityId(new_id())
    new = NewMailing(
        mailing_id=mailing_id,
        campaign_activity_id=activity_id,
        campaign_id=CampaignId(new_id()),
        from_name="Harbor Lane Books",
        from_email="news@harborlane.example",
        reply_to_email="desk@harborlane.example",
        content=Content(html=html(), subject='[[FirstName OR "Reader"]], nine new arrivals', preheader="Until Sunday"),
    )
    # The first only starts the others, where there are several.
    pids = list(processes.tree(worker))[1:] or [worker]
    worker_cpu, postgres_cpu = processes.cpu_seconds(worker), processes.cpu_seconds(postmaster)
    started = time.perf_counter()
    async with db.transaction() as conn:
        await mailings.open_for(conn, account_id, new)
        sent = Sent(await recipients.add(conn, account_id, mailing_id, recipients.of_lists([list_id])))
        await outbox.release(conn, account_id, mailing_id)
    moved_at = time.perf_counter()
    while not await is_finished(db, account_id, mailing_id, activity_id, sent, pids):
        if len(sent.memory) > 1 and sent.memory[-1][0] > sent.memory[-2][0]:
            moved_at = time.perf_counter()
        if time.perf_counter() > moved_at + STUCK_SECONDS:
            sys.exit("Nothing leaves any more.")
        await asyncio.sleep(0.2)
    sent.seconds = time.perf_counter() - started
    sent.worker_cpu = processes.cpu_seconds(worker) - worker_cpu
    sent.postgres_cpu = processes.cpu_seconds(postmaster) - postgres_cpu
    async with db.reader() as conn:
        progress = await mailings.progress(conn, account_id, mailing_id)
    assert progress.sent == sent.recipients, progress
    return sent


async def is_finished(
    db: Db, account_id: AccountId, mailing_id: MailingId, activity_id: CampaignActivityId, sent: Sent, pids: list[int]
) -> bool:
    """Note the memory that the workers have by now; True when there is nothing left to send."""
    async with db.reader() as conn:
        state, count = await conn.fetchrow(PROGRESS, account_id, mailing_id, activity_id)
    sent.memory.append((count, max(map(processes.resident_megabytes, pids))))
    return bool(state == "finished")


LISTENING = """
    SELECT count(*) FROM pg_stat_activity WHERE query ILIKE '%pgqueuer%' AND pid <> pg_backend_pid()"""

CONTACTS = """
    INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, confirm_status,
                          first_name, last_name, company_name, job_title, create_source, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'reader' || n || '@customers.example', 'reader' || n || '@customers.example',
           'implicit', 'off', 'Anna' || n % 100, 'Smith', 'Acme Limited', 'Buyer', 'Account', now(), now()
      FROM generate_series($2::int, $3::int) AS n"""

MEMBERSHIPS = """
    INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
    SELECT account_id, $2, contact_id, now() FROM contacts WHERE account_id = $1 AND email_key LIKE 'reader%'"""

PROGRESS = """
    SELECT state, coalesce((SELECT sends FROM activity_counters WHERE account_id = $1 AND campaign_activity_id = $3), 0)
      FROM mailings
     WHERE account_id = $1 AND mailing_id = $2"""


if __name__ == "__main__":
    main()
