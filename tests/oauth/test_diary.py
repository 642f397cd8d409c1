"""What is written down about doors, and what never is. Source: contract, auth.md §16."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from everpost.oauth import apps, grants, keys
from everpost.platform.db import Db, many
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]


class Entry(msgspec.Struct):
    action: str
    detail: dict[str, str]


async def test_each_step_has_one_entry_and_no_secret_is_in_any(
    owner: Browser,
    ask_token: Ask,
    start_device: Callable[..., Awaitable[Any]],
    app: App,
    db: Db,
    web_app: Client,
    account: Account,
) -> None:
    await owner.ask(**web_app.asking("campaign_data"))
    await owner.submit(decision="deny")
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    first = (await ask_token(web_app.basic, **trade)).body
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await ask_token(web_app.basic, **renew)).body
    await ask_token(web_app.basic, **renew)
    await ask_token(web_app.basic, **trade)
    await Api(app, None).request(
        "POST", "/oauth2/default/v1/revoke", data={"token": second["access_token"]}, auth=web_app.basic
    )
    device = await start_device("contact_data")
    await owner.activate(device["user_code"])
    async with db.transaction() as conn:
        secret = await apps.renew_secret(conn, web_app.client_id)
        await grants.remove_access(conn, web_app.client_id, account.user_id)
    await keys.rotate(db)

    async with db.reader() as conn:
        entries = await many(conn, Entry, "SELECT action, detail FROM audit_entries ORDER BY at, entry_id")

    actions = [entry.action for entry in entries if not entry.action.startswith("app.")]
    assert actions == [
        "sign_in.succeeded",
        "consent.denied",
        "consent.given",
        "token.issued",
        "token.refreshed",
        "refresh.reuse_detected",
        "token.revoked",
        "consent.given",
        "device.approved",
        "access.removed",
        "key.rotated",
    ]
    assert all("jti" in entry.detail for entry in entries if entry.action in ("token.issued", "token.refreshed"))
    written = str(entries)
    for hidden in (code, first["access_token"], first["refresh_token"], second["access_token"], secret, web_app.secret):
        assert hidden not in written
    for hidden in (device["device_code"], device["user_code"], "correct horse battery"):
        assert hidden not in written
