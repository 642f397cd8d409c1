"""How fast a campaign leaves: everpost's outbox against C's `smtp-source`, into the same `smtp-sink`, in the same run.

    python bench/send.py [RECIPIENTS] [--rounds N] [--dkim] [--carriers N] [--keep]

The anchor sends messages of the same size over reused connections and does nothing else. Everpost's figure is all of it:
claims, merge data, personalisation, tokens, submission, results, the ledger of sends. With --dkim the anchor is instead
how many RSA-2048 signatures one core makes in a second.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import asyncpg
import uvloop
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from everpost.accounts import accounts, addresses, demo
from everpost.contacts import lists, provisioning
from everpost.contacts.shapes import ContactListIn
from everpost.delivery import mailings, outbox, recipients
from everpost.delivery.mailings import NewMailing
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ListId, MailingId, new_id
from everpost.platform import clock, config, migrate
from everpost.platform.db import Db, connect
from everpost.platform.postgres import Postgres

SINK_PORT = 2626
FIELDS = ["FirstName", "LastName", "CompanyName", "JobTitle", "EmailAddress"]


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


class Sink:
    """Debian's smtp-sink, which accepts everything and keeps nothing."""

    def __enter__(self) -> Self:
        program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            sys.exit("smtp-sink is missing: install Debian's package postfix.")
        command = [program, "-u", "nobody"] if os.geteuid() == 0 else [program]
        self._process = subprocess.Popen([*command, f"127.0.0.1:{SINK_PORT}", "1000"], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def anchor(recipients: int, size: int, carriers: int) -> float:
    """Messages per second of smtp-source: reused connections, one recipient each."""
    program = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None
    command = [program, "-d", "-s", str(carriers), "-l", str(size), "-m", str(recipients)]
    command += ["-f", "news@harborlane.example", "-t", "reader@customers.example", f"127.0.0.1:{SINK_PORT}"]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return recipients / (time.perf_counter() - started)


def signatures_per_second(key: rsa.RSAPrivateKey) -> float:
    started = time.perf_counter()
    count = 0
    while time.perf_counter() - started < 2:
        key.sign(b"x" * 1500, padding.PKCS1v15(), hashes.SHA256())
        count += 1
    return count / (time.perf_counter() - started)


async def fill(db: Db, url: str, recipients: int) -> tuple[AccountId, ListId]:
    """An account with one list of so many contacts."""
    async with db.transaction() as conn:
        new = accounts.NewAccount(
            email="news@harborlane.example", password="a long password", organization_name="Harbor Lane Books",
            country_code="US", state_code="ME",
        )  # fmt: skip
        created = await accounts.create(conn, new)
        await addresses.replace(conn, created.account_id, demo.ADDRESS)
        await provisioning.provision(conn, created.account_id)
        made = await lists.create(conn, created.account_id, ContactListIn(name="Everybody"))
    conn = await asyncpg.connect(url)
    await conn.execute(
        """
        INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, confirm_status,
                              first_name, last_name, company_name, job_title, create_source, created_at, updated_at)
        SELECT $1, gen_random_uuid(), 'reader' || n || '@customers.example', 'reader' || n || '@customers.example',
               'implicit', 'off', 'Anna' || n % 100, 'Smith', 'Acme Limited', 'Buyer', 'Account', now(), now()
          FROM generate_series(1, $2::int) AS n""",
        created.account_id,
        recipients,
    )
    await conn.execute(
        """
        INSERT INTO list_memberships (account_id, list_id, contact_id, created_at)
        SELECT account_id, $2, contact_id, now() FROM contacts WHERE account_id = $1 AND email_key LIKE 'reader%'""",
        created.account_id,
        made.list_id,
    )
    await conn.execute("VACUUM ANALYZE")
    await conn.close()
    return created.account_id, made.list_id


async def send(db: Db, account_id: AccountId, list_id: ListId) -> tuple[float, float, int]:
    """One campaign from its opening to its last result: seconds, seconds of our own CPU, recipients."""
    mailing_id = MailingId(new_id())
    new = NewMailing(
        mailing_id=mailing_id,
        campaign_activity_id=CampaignActivityId(new_id()),
        campaign_id=CampaignId(new_id()),
        from_name="Harbor Lane Books",
        from_email="news@harborlane.example",
        reply_to_email="desk@harborlane.example",
        content=Content(html=html(), subject='[[FirstName OR "Reader"]], nine new arrivals', preheader="Until Sunday"),
    )
    started, cpu = time.perf_counter(), time.process_time()
    async with db.transaction() as conn:
        await mailings.open_for(conn, account_id, new)
        count = await recipients.add(conn, account_id, mailing_id, recipients.of_lists([list_id]))
        await outbox.release(conn, account_id, mailing_id)
    opened = time.perf_counter() - started
    while True:
        await outbox.drain(db, account_id, mailing_id)
        async with db.reader() as conn:
            progress = await mailings.progress(conn, account_id, mailing_id)
        if progress.queued + progress.sending == 0:
            break
        assert progress.sent or progress.sending, "nothing leaves: is the sink alive?"
    seconds = time.perf_counter() - started
    assert progress.sent == count, progress
    print(f"  fan-out {opened:.2f} s, all {seconds:.2f} s, {progress}")
    return seconds, time.process_time() - cpu, count


async def measure(arguments: argparse.Namespace, url: str, key: rsa.RSAPrivateKey) -> None:
    db = await connect(url, size=16)
    account_id, list_id = await fill(db, url, arguments.recipients)
    anchors, rates = [], []
    with Sink():
        for number in range(arguments.rounds):
            if arguments.dkim:
                anchors.append(signatures_per_second(key))
            else:
                anchors.append(anchor(arguments.recipients, 46_000, arguments.carriers))
            seconds, cpu, count = await send(db, account_id, list_id)
            rates.append(count / seconds)
            print(
                f"round {number + 1}: anchor {anchors[-1]:,.0f}/s, everpost {rates[-1]:,.0f}/s, ratio"
                f" {rates[-1] / anchors[-1]:.2f}, own CPU {cpu / count * 1e6:.0f} µs per message"
            )
    await db.close()
    rate, reference = statistics.median(rates), statistics.median(anchors)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = "RSA-2048 signatures/s" if arguments.dkim else "smtp-source"
    print(f"{arguments.recipients:,} recipients, {len(html()):,} bytes of HTML, {arguments.carriers} connections")
    print(f"anchor ({what}): {reference:,.0f}/s    everpost: {rate:,.0f} messages/s    ratio: {rate / reference:.2f}")
    print(f"peak memory: {peak:.0f} MB    load: {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipients", nargs="?", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dkim", action="store_true", help="sign with an RSA-2048 key")
    parser.add_argument("--carriers", type=int, default=4, help="connections")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    folder.chmod(0o755)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings = {"data": folder, "smtp_url": f"smtp://127.0.0.1:{SINK_PORT}?starttls=off"}
    if arguments.dkim:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "dkim.pem").write_bytes(pem)
        settings |= {"dkim_domain": "harborlane.example", "dkim_selector": "s1", "dkim_key_file": folder / "dkim.pem"}
    config.override(**settings, smtp_connections=arguments.carriers, public_url="https://mail.harborlane.example")
    postgres = Postgres(folder)
    postgres.start()
    try:
        url = asyncio.run(prepare(postgres))
        uvloop.run(measure(arguments, url, key))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def prepare(postgres: Postgres) -> str:
    """An empty database with the schema; returns its address."""
    conn = await asyncpg.connect(postgres.dsn("postgres"))
    await conn.execute("CREATE DATABASE everpost_bench")
    await conn.close()
    conn = await asyncpg.connect(postgres.dsn("everpost_bench"))
    await migrate.execute(conn, migrate.schema_text())
    await conn.close()
    clock.resume()
    return postgres.dsn("everpost_bench")


if __name__ == "__main__":
    main()
