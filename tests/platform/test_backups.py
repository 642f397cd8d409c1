"""Backups: what comes back, into what, and what is refused."""

import contextlib
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from everpost.platform import backups, config, migrate, storage
from everpost.platform import db as platform_db
from everpost.platform.backups import BadBackup
from everpost.platform.db import Conn
from tests.support import server

# What CSV can get wrong: NULL, "", quotes, line ends, backslashes, bytes, times, JSON; and a row that refers to another.
_FILL = """
    INSERT INTO mailbox_messages (mail_id, sender, recipient, subject, received_at, size_bytes, content)
    VALUES (gen_random_uuid(), :text, '', '\\.', 'infinity', 3, '\\x00ff22')"""
_NOTE = """
    INSERT INTO audit_entries (entry_id, at, action, detail)
    VALUES (gen_random_uuid(), '2026-02-03 04:05:06.789012+00', 'x', jsonb_build_object('said', CAST(:text AS text)))"""
_REFERRED = """
    INSERT INTO campaigns (account_id, campaign_id, sequence_id, name, type_code, status, created_at, updated_at)
    SELECT mail_id, mail_id, 1, :text, 10, 'DRAFT', '2026-02-03', '2026-02-03'
      FROM mailbox_messages"""
_REFERRING = """
    INSERT INTO campaign_activities (account_id, campaign_id, campaign_activity_id, role)
    SELECT account_id, campaign_id, campaign_id, 'primary_email'
      FROM campaigns"""
_FOUND = """
    SELECT concat(to_jsonb(mailbox_messages), to_jsonb(audit_entries), to_jsonb(campaigns), campaign_activity_id)
      FROM mailbox_messages, audit_entries, campaigns, campaign_activities"""
_NUMBER = """
    INSERT INTO mailing_directory (account_id, mailing_id)
    VALUES (gen_random_uuid(), gen_random_uuid())
    RETURNING mailing_number"""
_TEXT = 'He said "no",\r\nthen\tleft; é中😀 \\N'


# Other processes run these tests at the same time.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
OLD, NEW = f"everpost_backed_up_{WORKER}", f"everpost_restored_{WORKER}"


@contextlib.asynccontextmanager
async def connected(name: str) -> AsyncIterator[Conn]:
    """An empty database."""
    conn = await platform_db.connect_once(await server.create(name))
    try:
        yield conn
    finally:
        await conn.close()


@contextlib.asynccontextmanager
async def earlier(version: str = "9999") -> AsyncIterator[Conn]:
    """A database as an earlier version left it."""
    async with connected(OLD) as conn:
        await migrate.apply_in(conn, [each.version for each in migrate.all_migrations() if each.version <= version])
        for statement in (_FILL, _NOTE, _REFERRED):
            await platform_db.run(conn, statement, text=_TEXT)
        await platform_db.run(conn, _REFERRING)
        await platform_db.one(conn, int, _NUMBER)
        yield conn


async def back_up(target: Path) -> None:
    await backups.write(server.dsn(OLD), target)


async def restore(conn: Conn, source: Path) -> None:
    with backups.opened(source) as (archive, manifest):
        backups.restore_key(archive, manifest)
        async with platform_db.savepoint(conn):
            await backups.restore_tables(conn, archive, manifest)
        await backups.restore_files(archive)


@pytest.mark.parametrize("version", ["0001_first", "0018_contact_filters", "9999"])
async def test_a_backup_of_any_version_comes_back_up_to_date(tmp_path: Path, settings: Any, version: str) -> None:
    async with earlier(version) as old, connected(NEW) as new:
        await back_up(tmp_path / "all.zip")
        await restore(new, tmp_path / "all.zip")
        assert [] == await migrate.missing(new)
        found = await platform_db.many(old, str, _FOUND)
        assert (1, found) == (len(found), await platform_db.many(new, str, _FOUND))
        # Numbers go on where they were.
        assert 2 == await platform_db.one(new, int, _NUMBER)


async def test_stored_files_come_along(tmp_path: Path, settings: Any) -> None:
    config.override(data=tmp_path / "one")
    await storage.put("imports/a/b.csv", b"email\n")
    async with earlier(), connected(NEW) as new:
        await back_up(tmp_path / "all.zip")
        config.override(data=tmp_path / "two")
        await restore(new, tmp_path / "all.zip")
    with storage.open_file("imports/a/b.csv") as file:
        assert b"email\n" == file.read()


async def test_only_its_owner_may_read_a_backup_and_it_replaces_nothing(tmp_path: Path, settings: Any) -> None:
    target = tmp_path / "all.zip"
    async with earlier():
        await back_up(target)
        assert 0o600 == target.stat().st_mode & 0o777
        with pytest.raises(BadBackup, match="File exists"):
            await back_up(target)
    assert [target] == list(tmp_path.iterdir())


async def test_a_database_with_something_in_it_is_left_alone(tmp_path: Path, settings: Any) -> None:
    async with earlier() as old:
        await back_up(tmp_path / "all.zip")
        with pytest.raises(BadBackup, match="not empty"):
            await restore(old, tmp_path / "all.zip")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    torn, other = tmp_path / "torn.zip", tmp_path / "other.zip"
    torn.write_bytes(b"PK\x03\x04 and no end")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("holiday.jpg", b"sea")
    for source, said in ((torn, "not a whole backup"), (other, "no backup of everpost"), (tmp_path, "not a whole")):
        with pytest.raises(BadBackup, match=said), backups.opened(source):
            pass


async def test_a_backup_of_a_later_version_is_refused(tmp_path: Path, settings: Any) -> None:
    async with earlier() as old, connected(NEW) as new:
        await platform_db.run(old, "INSERT INTO schema_migrations (version) VALUES ('9999_tomorrow')")
        await back_up(tmp_path / "all.zip")
        with pytest.raises(BadBackup, match="later version"):
            await restore(new, tmp_path / "all.zip")
