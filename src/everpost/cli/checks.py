"""The checks behind `everpost doctor`: each looks at one thing and says what it found, how good that is, what to do."""

import enum
import ipaddress
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from everpost.accounts import passwords, users
from everpost.cli import addresses
from everpost.delivery import dkim
from everpost.oauth import keys
from everpost.platform import clock, config, health, migrate, relays
from everpost.platform.config import Settings
from everpost.platform.crypto import BadSeal
from everpost.platform.db import Conn, Db, one

OLDEST_PYTHON: Final = (3, 11)
OLDEST_POSTGRESQL: Final = 15
NEEDED_DISK_GB: Final = 1
COMFORTABLE_DISK_GB: Final = 5
TOLERATED_SKEW: Final = timedelta(seconds=2)

_RELAY_TIMEOUT_SECONDS: Final = 5
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104


class Grade(enum.IntEnum):
    """How good what was found is."""

    GOOD = 0
    DOUBTFUL = 1
    WRONG = 2


class Finding(NamedTuple):
    """What one check found."""

    subject: str
    grade: Grade
    found: str
    remedy: str = ""


def python_version() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", Grade.WRONG, version, "everpost needs 3.11 or later: make PYTHON=/path/to/python3")
    return Finding("Python", Grade.GOOD, version)


def of_machine(settings: Settings) -> Iterator[Finding]:
    """The data folder, the disk below it, the port."""
    yield _data_folder(settings.data)
    yield _disk(settings.data)
    yield _port(settings)


async def of_database(db: Db) -> AsyncIterator[Finding]:
    """The server, its tables, the worker, keys and the demo account."""
    async with db.reader() as conn:
        yield await _server_version(conn)
        yield _clock_skew()
        tables = await _tables(conn)
        yield tables
        if tables.grade is Grade.WRONG:
            return
        yield await _worker(conn)
        yield await _failed_jobs(conn)
        yield await _demo_password(conn, config.current())
    yield await _signing_key(db)


def of_mail(settings: Settings) -> Iterator[Finding]:
    """Where mail goes, and whether it will be signed."""
    yield _relay(settings)
    if settings.bounce_domain:
        yield _bounces(settings.inbound_smtp)
    if settings.dkim_domain or settings.dkim_selector or settings.dkim_key_file:
        yield _dkim(settings)


def _data_folder(data: Path) -> Finding:
    if not data.exists():
        return Finding("Data folder", Grade.GOOD, f"{data} does not exist yet; the first start makes it")
    try:
        with tempfile.TemporaryFile(dir=data):
            return Finding("Data folder", Grade.GOOD, str(data))
    except OSError as error:
        remedy = "Start everpost as the folder's owner, or name another one with DATA= or EVERPOST_DATA."
        return Finding("Data folder", Grade.WRONG, f"{data} cannot be written: {error.strerror}", remedy)


def _disk(data: Path) -> Finding:
    existing = next(folder for folder in [data, *data.absolute().parents] if folder.exists())
    free_gb = shutil.disk_usage(existing).free / 1024**3
    remedy = f"Free some space on the disk of {existing}; PostgreSQL stops when it is full."
    if free_gb < NEEDED_DISK_GB:
        return Finding("Disk", Grade.WRONG, f"{free_gb:.1f} GB free", remedy)
    grade = Grade.GOOD if free_gb >= COMFORTABLE_DISK_GB else Grade.DOUBTFUL
    return Finding("Disk", grade, f"{free_gb:.0f} GB free", "" if grade is Grade.GOOD else remedy)


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    answer = addresses.health(settings)
    if answer is None:
        try:
            addresses.require_free(settings)
        except addresses.PortTaken as error:
            return Finding("Port", Grade.WRONG, str(error), "Stop the other program, or choose a port with PORT=.")
        return Finding("Port", Grade.DOUBTFUL, f"nothing answers on {where}", "Start everpost: `make serve`.")
    try:
        state = msgspec.json.decode(answer, type=health.Health)
    except msgspec.DecodeError:
        return Finding("Port", Grade.WRONG, f"another program answers on {where}", "Choose another port with PORT=.")
    grade = Grade.GOOD if state.status == "ok" else Grade.WRONG
    remedy = "" if grade is Grade.GOOD else "The web process does not reach its database; see what follows."
    return Finding("Port", grade, f"everpost answers on {where}", remedy)


async def _server_version(conn: Conn) -> Finding:
    version = await one(conn, str, "SELECT current_setting('server_version')") or ""
    major = int(version.split(".", 1)[0].split()[0])
    if major < OLDEST_POSTGRESQL:
        return Finding("PostgreSQL", Grade.WRONG, version, f"everpost needs version {OLDEST_POSTGRESQL} or later.")
    return Finding("PostgreSQL", Grade.GOOD, version)


async def _tables(conn: Conn) -> Finding:
    later = await migrate.unknown(conn)
    if later:
        remedy = "Start the version of everpost that made them, or restore a backup from before."
        return Finding("Tables", Grade.WRONG, f"a later version applied {', '.join(later)}", remedy)
    missing = await migrate.missing(conn)
    if missing:
        return Finding("Tables", Grade.WRONG, f"{', '.join(missing)} not applied", "Run `everpost migrate`.")
    return Finding("Tables", Grade.GOOD, "up to date")


def _clock_skew() -> Finding:
    # Connecting to the database measured how far its clock is from ours; our clock follows it.
    skew = timedelta(seconds=clock.now().timestamp() - time.time())
    if abs(skew) > TOLERATED_SKEW:
        found = f"the database is {skew.total_seconds():+.1f} s from this machine"
        return Finding("Clock", Grade.DOUBTFUL, found, "Let both follow a time server (NTP): links and tokens expire.")
    return Finding("Clock", Grade.GOOD, "agrees with the database's")


async def _worker(conn: Conn) -> Finding:
    silence = await health.worker_silence_of(conn)
    remedy = "Nothing is sent or imported meanwhile. Start one with `everpost work`, or everything with `make serve`."
    if silence is None:
        return Finding("Worker", Grade.WRONG, "none has ever run", remedy)
    if silence > health.SILENT_AFTER:
        return Finding("Worker", Grade.WRONG, f"last seen {silence.total_seconds():.0f} s ago", remedy)
    return Finding("Worker", Grade.GOOD, f"seen {silence.total_seconds():.0f} s ago")


async def _failed_jobs(conn: Conn) -> Finding:
    failed = await health.failed_jobs(conn)
    if not failed:
        return Finding("Jobs", Grade.GOOD, "none was given up")
    found = ", ".join(f"{job.jobs} × {job.name}" for job in failed)
    remedy = "The worker's log says why. When that is mended: `everpost doctor --retry-failed-jobs`."
    return Finding("Jobs", Grade.DOUBTFUL, f"given up after many tries: {found}", remedy)


async def _demo_password(conn: Conn, settings: Settings) -> Finding:
    default = Settings().demo_password
    person = await users.find_by_email(conn, settings.demo_email)
    stored = await users.password_hash(conn, person.user_id) if person else None
    is_default = stored is not None and (await passwords.check(default, stored)).is_right
    if is_default and _is_public(settings):
        found = "anybody can sign in with the password that the documentation names"
        return Finding("Demo account", Grade.WRONG, found, "Set EVERPOST_DEMO_PASSWORD and start again.")
    return Finding("Demo account", Grade.GOOD, settings.demo_email if person else "there is none")


async def _signing_key(db: Db) -> Finding:
    try:
        signing = await keys.current(db)
    except BadSeal:
        found = "the key that signs tokens was encrypted with another instance key"
        remedy = "Bring back instance.key of the data folder (or EVERPOST_SECRET_KEY), the same on every node."
        return Finding("Signing key", Grade.WRONG, found, remedy)
    return Finding("Signing key", Grade.GOOD, signing.kid)


def _relay(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        grade = Grade.DOUBTFUL if _is_public(settings) else Grade.GOOD
        remedy = "Set EVERPOST_SMTP_URL to send real mail." if grade is Grade.DOUBTFUL else ""
        return Finding("Mail", grade, "stays in the built-in mailbox", remedy)
    name = "relay"
    try:
        configured = relays.read_all(settings.smtp_url)
        for relay in configured:
            name = f"relay {relay.name}"
            kind = smtplib.SMTP_SSL if relay.security is relays.Security.FROM_START else smtplib.SMTP
            with kind(relay.host, relay.port, timeout=_RELAY_TIMEOUT_SECONDS) as client:
                client.noop()
    except (relays.BadRelay, smtplib.SMTPException, OSError) as error:
        remedy = "See EVERPOST_SMTP_URL, the firewall, and whether the provider blocks this port."
        return Finding("Mail", Grade.WRONG, f"the {name} does not answer: {error}", remedy)
    names = " and ".join(relay.name for relay in configured)
    return Finding("Mail", Grade.GOOD, f"the relay {names} answers")


def _bounces(inbound_smtp: str | None) -> Finding:
    if inbound_smtp is None:
        found = "the bounce domain is set, and nothing listens here for the mail that comes back"
        remedy = "Set EVERPOST_INBOUND_SMTP, unless another mail server hands it to `everpost receive --pipe`."
        return Finding("Bounces", Grade.DOUBTFUL, found, remedy)
    host, port = config.host_and_port(inbound_smtp)
    try:
        # Whoever listens everywhere listens here as well.
        with smtplib.SMTP("localhost" if host in _EVERYWHERE else host, port, timeout=_RELAY_TIMEOUT_SECONDS) as client:
            client.noop()
    except (smtplib.SMTPException, OSError) as error:
        remedy = "`everpost up` listens when EVERPOST_INBOUND_SMTP is set; else run `everpost receive`."
        return Finding("Bounces", Grade.WRONG, f"nothing answers on {inbound_smtp}: {error}", remedy)
    return Finding("Bounces", Grade.GOOD, f"mail is taken on {inbound_smtp}")


def _dkim(settings: Settings) -> Finding:
    domain, selector, file = settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file
    if not (domain and selector and file):
        remedy = "Set all of EVERPOST_DKIM_DOMAIN, EVERPOST_DKIM_SELECTOR and EVERPOST_DKIM_KEY_FILE, or none."
        return Finding("DKIM", Grade.WRONG, "only a part of it is set, so nothing is signed", remedy)
    try:
        dkim.Signer(domain, selector, file.read_bytes())
    except (OSError, dkim.BadKey) as error:
        remedy = "EVERPOST_DKIM_KEY_FILE must name a PEM file with an RSA private key that everpost may read."
        return Finding("DKIM", Grade.WRONG, str(error), remedy)
    return Finding("DKIM", Grade.GOOD, f"signs for {domain} with {selector}._domainkey.{domain}")


def _is_public(settings: Settings) -> bool:
    """Whether others than this machine's users are meant to come in."""
    return not all(_is_loopback(host) for host in (settings.host, urlsplit(settings.origin).hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
