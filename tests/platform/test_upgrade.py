"""A database of the first release: what its tables hold is there, unchanged, after all later migrations."""

from typing import Any, Final

import msgspec

from everpost.platform import db as platform_db
from everpost.platform import migrate
from everpost.platform.db import Conn
from tests.support import server

# Where the first schema allows only some values; everywhere else any value of the column's type will do.
ALLOWED: Final = {
    "account_directory.status": "active",
    "account_emails.confirm_source_type": "SITE_OWNER",
    "activities.state": "completed",
    "activities.percent_done": 50,
    "apps.kind": "web",
    "apps.refresh_token_type": "rotating",
    "apps.state": "active",
    "campaign_activities.role": "primary_email",
    "campaign_runs.status": "COMPLETED",
    "campaigns.previous_status": "DRAFT",
    "campaigns.status": "SCHEDULED",
    "contacts.confirm_status": "confirmed",
    "contacts.create_source": "Account",
    "contacts.permission_to_send": "implicit",
    "contacts.update_source": "Contact",
    "custom_fields.type": "string",
    "mailings.state": "finished",
    "outbox.state": "sent",
    "tracking_events.bounce_code": "B",
    "tracking_events.device_type": "mobile",
    "tracking_events.kind": "click",
    "tracking_journal.device_type": "mobile",
    "users.role": "account_owner",
    "users.state": "active",
}
BY_TYPE: Final[dict[str, Any]] = {
    "ARRAY": [],
    "USER-DEFINED": "queued",
    "bigint": 7,
    "boolean": True,
    "bytea": "\\x0102",
    "date": "2025-03-01",
    "integer": 5,
    "jsonb": {"some": "thing"},
    "smallint": 3,
    "text": "Something",
    "timestamp with time zone": "2025-03-01T12:00:00+00:00",
    "uuid": "00000000-0000-7000-8000-00000000000a",
}
# Hits that waited are in batches afterwards: tests/tracking/test_upgrade.py.
MOVED: Final = {"tracking_journal"}

_COLUMNS: Final = """
    SELECT table_name AS "table", column_name AS name, data_type AS type
      FROM information_schema.columns
     WHERE table_schema = 'public' AND is_generated = 'NEVER'
       AND table_name <> 'schema_migrations'
     ORDER BY table_name, ordinal_position"""


class Column(msgspec.Struct, frozen=True):
    """One column of the first schema that a row says something about."""

    table: str
    name: str
    type: str


async def test_every_row_of_the_first_release_survives() -> None:
    conn = await platform_db.connect_once(await server.create("everpost_first_release"))
    first, *later = migrate.all_migrations()
    await migrate.execute(conn, first.sql)
    tables: dict[str, list[Column]] = {}
    for column in await platform_db.many(conn, Column, _COLUMNS):
        tables.setdefault(column.table, []).append(column)
    # One row in each table and no other, so what they refer to is there only by the word of this setting.
    await conn.execute("SET session_replication_role = replica")
    for table, columns in tables.items():
        await _fill(conn, table, columns)
    before = {table: await _row(conn, table) for table in tables.keys() - MOVED}
    for migration in later:
        await migrate.execute(conn, migration.sql)
    lost = {}
    for table, row in before.items():
        after = await _row(conn, table)
        lost[table] = {name: value for name, value in row.items() if after.get(name) != value}
    assert {table: {} for table in before} == lost
    await conn.close()


async def _fill(conn: Conn, table: str, columns: list[Column]) -> None:
    row = {column.name: ALLOWED.get(f"{table}.{column.name}", BY_TYPE[column.type]) for column in columns}
    names = ", ".join(row)
    filled = f"SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1)"
    await conn.execute(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE {filled}", row)


async def _row(conn: Conn, table: str) -> dict[str, Any]:
    """The table's only row."""
    rows = await conn.fetch(f"SELECT to_jsonb(filled) FROM {table} AS filled")
    (found,) = [msgspec.json.decode(record[0]) for record in rows]
    return dict(found)
