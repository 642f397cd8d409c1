"""Nobody reaches into another account: whatever the operation, its ids are as good as unknown and nothing of it changes."""

from collections.abc import Awaitable, Callable
from typing import Any

from everpost.oauth import tokens
from everpost.platform.db import Db, many
from tests.contract import operations
from tests.support.api import Api
from tests.support.fixtures import ALL_SCOPES, Account, AccountApi

NewAccount = Callable[[str], Awaitable[Account]]


async def _neighbour(api: AccountApi, db: Db, new_account: NewAccount) -> tuple[Account, Api, dict[str, str]]:
    """Another account with one of everything."""
    other = await new_account("neighbour@example.com")
    theirs = api.with_token(await tokens.mint_for_command_line(db, other.email, ALL_SCOPES.split()))
    ids = {
        "list_id": str(other.list_id),
        "sender": other.email,
        **await operations.existing(theirs, sender=other.email),
    }
    imported = {"list_ids": [ids["list_id"]], "import_data": [{"email": "theirs@example.com"}]}
    activity = await theirs.post("/v3/activities/contacts_json_import", imported)
    export = await theirs.post("/v3/activities/contact_exports", {})
    return (
        other,
        theirs,
        {**ids, "activity_id": activity.body["activity_id"], "file_export_id": export.body["activity_id"]},
    )


async def test_no_operation_finds_or_changes_what_is_another_accounts(
    api: AccountApi, db: Db, new_account: NewAccount
) -> None:
    other, _, ids = await _neighbour(api, db, new_account)
    before = await _everything_of(db, other)
    for method, path, operation in operations.of(await operations.document(api)):
        if "{" not in path:
            continue
        body = operations.VALID.get(operation["operationId"])
        options: dict[str, Any] = {"json": operations.filled(body, ids)} if body else {}
        answer = await api.request(method, operations.at(path, ids), **options)
        unknown = await api.request(method, operations.at(path, operations.unknown(ids)), **options)
        # The statistics of several ids at once answer 200 with an error for each.
        assert 404 == answer.status or operation["operationId"] == "get_activity_stats", (method, path, answer)
        assert (unknown.status, len(unknown.text)) == (answer.status, len(answer.text)), (method, path, answer)
    assert before == await _everything_of(db, other)


async def test_ids_of_another_account_in_a_body_or_query_are_unknown(
    api: AccountApi, db: Db, new_account: NewAccount, work: Callable[[], Awaitable[int]]
) -> None:
    other, _, ids = await _neighbour(api, db, new_account)
    await work()
    before = await _everything_of(db, other)
    mine = await operations.existing(api, sender="owner@harborlane.example")
    named = {"create_source": "Account", "email_address": {"address": "mine@example.com"}}
    field = [{"custom_field_id": ids["custom_field_id"], "value": "x"}]
    assert 400 == (await api.post("/v3/contacts", named | {"list_memberships": [ids["list_id"]]})).status
    assert 400 == (await api.post("/v3/contacts", named | {"custom_fields": field})).status
    sign_up = {"email_address": "mine@example.com", "list_memberships": [ids["list_id"]]}
    assert 400 <= (await api.post("/v3/contacts/sign_up_form", sign_up)).status < 500
    changed = operations.filled(operations.VALID["replace_activity"], ids)
    activity = f"/v3/emails/activities/{mine['campaign_activity_id']}"
    assert 400 == (await api.put(activity, changed)).status
    imported = {"list_ids": [ids["list_id"]], "import_data": [{"email": "x@example.com"}]}
    assert 400 <= (await api.post("/v3/activities/contacts_json_import", imported)).status < 500
    await api.post("/v3/activities/list_delete", {"list_ids": [ids["list_id"]]})
    listed = await api.get("/v3/contacts", {"lists": ids["list_id"]})
    assert listed.status >= 400 or listed.body["contacts"] == []
    await work()
    assert before == await _everything_of(db, other)


async def test_a_cursor_leads_nobody_else_anywhere(api: AccountApi, db: Db, new_account: NewAccount) -> None:
    _, theirs, _ = await _neighbour(api, db, new_account)
    await theirs.post("/v3/contact_lists", {"name": "Another"})
    next_page = (await theirs.get("/v3/contact_lists", {"limit": 1})).body["_links"]["next"]["href"]
    assert 200 == (await theirs.get(next_page)).status
    assert 400 == (await api.get(next_page)).status
    assert 400 == (await theirs.get(next_page.replace("contact_lists", "contacts"))).status


async def _everything_of(db: Db, account: Account) -> dict[str, str]:
    """A digest of the account's rows, by table."""
    async with db.reader() as conn:
        tables = await many(
            conn,
            str,
            """
            SELECT table_name FROM information_schema.columns
             WHERE table_schema = 'public' AND column_name = 'account_id'""",
        )
        return {
            table: await conn.fetchval(
                f"SELECT coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '') FROM {table} t"
                " WHERE account_id = $1",
                account.account_id,
            )
            for table in tables
        }
