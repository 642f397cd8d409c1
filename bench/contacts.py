"""Contacts read and made, against bare ASGI with the same statement on the same driver.

`python bench/contacts.py [--contacts 100000] [--seconds 3] [--rounds 3] [--connections 32]`

Two web processes of one worker each run on one embedded PostgreSQL: everpost as it is, and an ASGI function that does
nothing but the statement and the JSON (the anchor). A process of its own loads them in turn. Other programs may share
the machine, so CPU time per request (web process and PostgreSQL together) is printed beside requests per second; the
ratio that counts is of CPU time. A page of 500, as one client gets it, is compared with the driver's fetch of the same
rows, which the anchor does and times when it is asked to: in turn with the pages, so that both meet the same weather.
A page at depth is compared with the first page in the same way.
"""

import argparse
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any, cast

import asyncpg
import http_load
import instance
import msgspec
import processes
import sites
import uvloop
from instance import Instance
from sites import Round, Site

from everpost.accounts import accounts
from everpost.cli import serve as web
from everpost.contacts.stored import SELECT_CORE
from everpost.ids import AccountId, new_id
from everpost.oauth import tokens
from everpost.platform import db as platform_db
from everpost.platform import migrate

MUST = {"GET one": 0.6, "POST": 0.5, "GET 500": 0.65}
MUST_AT_DEPTH = 1.3
OWNER = "owner@bench.example"
PAGE = 500
FETCH = "/fetch"
POSTS = 40_000  # more than are sent in a round

SAMPLE = """
    INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send, opt_in_source,
                          opt_in_date, confirm_status, email_created_at, email_updated_at, first_name, last_name,
                          job_title, company_name, birthday_month, birthday_day, anniversary, create_source, created_at,
                          updated_at)
    SELECT $1, gen_random_uuid(), 'reader' || n || '@bench.example', 'reader' || n || '@bench.example', 'implicit',
           'Account', at, 'off', at, at, 'First' || n, 'Last' || n, 'Title', 'Company', 1 + n % 12, 1 + n % 28,
           '2001-02-03', 'Account', at, at
      FROM (SELECT n, timestamptz '2026-01-01' + n * interval '1 second' AS at FROM generate_series(1, $2) AS n) AS row"""


def main() -> None:
    options = arguments()
    with instance.embedded() as everpost:
        measure(options, everpost)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


def measure(options: argparse.Namespace, stand: Instance) -> None:
    account_id, ids, token = uvloop.run(prepare(stand.url, options.contacts))
    os.environ["BENCH_ACCOUNT"] = str(account_id)
    print(f"{options.contacts} contacts, {options.connections} connections, {options.rounds} rounds of "
          f"{options.seconds} s each, {instance.machine()}")  # fmt: skip
    with (
        sites.serving(__file__, "anchor", stand.postmaster) as anchor,
        sites.serving(__file__, "everpost", stand.postmaster) as everpost,
    ):
        for name, make in (("GET one", lambda: gets(ids, token)), ("POST", lambda: posts(token))):

            def run(site: Site, make: Callable[[], bytes] = make) -> Round:
                return load(site, options, make())

            report(name, [(run(anchor), run(everpost)) for _ in range(options.rounds)])
        report_pages(anchor, everpost, token, options)
        print(f"peak memory of the web process: {processes.peak_megabytes(everpost.pid):.0f} MB")


async def prepare(url: str, count: int) -> tuple[AccountId, list[str], str]:
    """The schema, an account, its contacts and a token."""
    conn = await platform_db.connect_once(url)
    await migrate.create(conn)
    db = await platform_db.connect(url)
    async with db.transaction() as transaction:
        new = accounts.NewAccount(email=OWNER, password="correct horse battery", organization_name="Bench")
        account_id = (await accounts.create(transaction, new)).account_id
    await conn.execute(SAMPLE, account_id, count)
    await conn.execute("VACUUM ANALYZE contacts")
    rows = await conn.fetch("SELECT contact_id::text FROM contacts ORDER BY contact_id LIMIT 20000")
    token = await tokens.mint_for_command_line(db, OWNER, ["contact_data"])
    await conn.close()
    await db.close()
    return account_id, [row[0] for row in rows], token


def gets(ids: list[str], token: str) -> bytes:
    head = f" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    # Far more than are asked for: the generator stops when its input ends.
    return b"\0".join(f"GET /v3/contacts/{contact_id}{head}".encode() for _ in range(4) for contact_id in ids)


def posts(token: str) -> bytes:
    return b"\0".join(_post(token) for _ in range(POSTS))


def _post(token: str) -> bytes:
    body = json.dumps(
        {
            "email_address": {"address": f"{new_id()}@bench.example", "permission_to_send": "implicit"},
            "first_name": "Ada", "last_name": "Lovelace", "job_title": "Analyst", "create_source": "Account",
        }
    )  # fmt: skip
    head = (
        f"POST /v3/contacts HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


class Anchor:
    """Bare ASGI: the statement, the JSON, and nothing else that a server of contacts must do."""

    def __init__(self) -> None:
        self.account_id = os.environ["BENCH_ACCOUNT"]
        select = SELECT_CORE.replace(":account_id", "$1")
        self.select = select + " AND contact_id = $2"
        self.select_page = select + " AND deleted_at IS NULL ORDER BY created_at, contact_id LIMIT $2"
        self.pool: Any = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        if scope["path"] == FETCH:
            answer = await self.fetch()
        else:
            answer = await (self.read(scope) if scope["method"] == "GET" else self.create(receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def live(self, receive: Any, send: Any) -> None:
        await receive()
        url = os.environ["EVERPOST_DATABASE_URL"]
        self.pool = await asyncpg.create_pool(url, min_size=1, max_size=16, reset=_no_reset)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def read(self, scope: dict[str, Any]) -> bytes:
        async with self.pool.acquire() as conn:
            record = await conn.fetchrow(self.select, self.account_id, scope["path"].rpartition("/")[2])
        return msgspec.json.encode(dict(record))

    async def fetch(self) -> bytes:
        """How many seconds the driver alone takes for the rows of a page, and for the one that says there are more."""
        async with self.pool.acquire() as conn:
            started = time.perf_counter()
            await conn.fetch(self.select_page, self.account_id, PAGE + 1)
            return str(time.perf_counter() - started).encode()

    async def create(self, receive: Any) -> bytes:
        given = msgspec.json.decode((await receive())["body"])
        address, contact_id = given["email_address"]["address"], new_id()
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute(
                """INSERT INTO contacts (account_id, contact_id, email_address, email_key, permission_to_send,
                                         opt_in_source, opt_in_date, confirm_status, email_created_at, email_updated_at,
                                         first_name, last_name, job_title, create_source, created_at, updated_at)
                   VALUES ($1, $2, $3, $3, 'implicit', 'Account', now(), 'off', now(), now(), $4, $5, $6, 'Account',
                           now(), now())""",
                self.account_id, contact_id, address, given["first_name"], given["last_name"], given["job_title"],
            )  # fmt: skip
        return msgspec.json.encode({"contact_id": contact_id, **given})


async def _no_reset(conn: Any) -> None:
    return None


def load(site: Site, options: argparse.Namespace, requests: bytes) -> Round:
    generator = [__file__, "--load", site.port, options.connections, options.seconds]
    return sites.load(site, generator, requests, expected={"200", "201"})


def report(name: str, rounds: list[tuple[Round, Round]]) -> None:
    for kind, chosen in (("anchor", [pair[0] for pair in rounds]), ("everpost", [pair[1] for pair in rounds])):
        print(f"{name:8} {kind:9} {median(chosen, 'per_second'):7.0f}/s  p50 {median(chosen, 'p50'):5.1f}  "
              f"p99 {median(chosen, 'p99'):5.1f} ms  CPU {median(chosen, 'web_cpu'):4.0f} web "
              f"+ {median(chosen, 'postgres_cpu'):4.0f} PostgreSQL µs")  # fmt: skip
    by_cpu = statistics.median(anchor.cpu / everpost.cpu for anchor, everpost in rounds)
    by_time = statistics.median(everpost.per_second / anchor.per_second for anchor, everpost in rounds)
    print(f"{name:8} {instance.verdict(by_cpu >= MUST[name])}: {by_cpu:.2f} of the anchor by CPU time, {by_time:.2f} by "
          f"requests per second; must be {MUST[name]}")  # fmt: skip


def median(rounds: list[Round], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in rounds))


def report_pages(anchor: Site, everpost: Site, token: str, options: argparse.Namespace) -> None:
    """One client: the fetch of 500 rows, the first page, and the last full one."""
    first = f"/v3/contacts?limit={PAGE}"
    deep, depth = deepest(everpost, token, first)
    fetches, firsts, deeps = [], [], []
    for _ in range(options.rounds * 40):
        fetches.append(float(get(anchor, token, FETCH)))
        firsts.append(timed(lambda: get(everpost, token, first)))
        deeps.append(timed(lambda: get(everpost, token, deep)))
    fetch, page, far = (statistics.median(times) * 1000 for times in (fetches, firsts, deeps))
    print(f"GET 500  {instance.verdict(fetch / page >= MUST['GET 500'])}: fetch {fetch:.2f} ms, page {page:.2f} ms: "
          f"{fetch / page:.2f}; must be {MUST['GET 500']}")  # fmt: skip
    print(f"at depth {instance.verdict(far / page <= MUST_AT_DEPTH)}: page {depth} {far:.2f} ms, page 1 {page:.2f} ms: "
          f"{far / page:.2f}; may be {MUST_AT_DEPTH}")  # fmt: skip


def deepest(site: Site, token: str, path: str) -> tuple[str, int]:
    """The last page that is full, by following the links."""
    number = 1
    while True:
        links = json.loads(get(site, token, path)).get("_links")
        after = json.loads(get(site, token, links["next"]["href"])) if links else {}
        if len(after.get("contacts", [])) < PAGE:
            return path, number
        path, number = links["next"]["href"], number + 1


def get(site: Site, token: str, path: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request) as answer:
        return cast(bytes, answer.read())


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


class WholeRequests(http_load.Load):
    """The same load generator, given requests with their headers and bodies, each to be sent once."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        super().__init__([], rate)
        self._requests = iter(requests)  # type: ignore[assignment]


def drive(port: int, connections: int, seconds: float) -> None:
    http_load.Load = WholeRequests  # type: ignore[assignment,misc]
    requests = sys.stdin.buffer.read().split(b"\0")
    print(json.dumps(uvloop.run(http_load.drive(port, connections, seconds, 0.0, requests))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        drive(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    elif sys.argv[1:2] == ["--serve"]:
        sites.serve(Anchor if sys.argv[2] == "anchor" else web.load, int(sys.argv[3]))
    else:
        main()
