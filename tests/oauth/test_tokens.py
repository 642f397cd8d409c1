"""Access tokens: what is in them, who believes them, and what ends them. Source: contract, auth.md §11-§13."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from everpost.accounts import accounts, users
from everpost.ids import new_id
from everpost.oauth import apps, grants, keys, sweeps, tokens
from everpost.oauth.scopes import UnknownScope
from everpost.oauth.tokens import AccountNotChosen, NoSuchAccount
from everpost.platform import config
from everpost.platform.db import Db, one, run
from everpost.platform.http import App
from tests.oauth.conftest import Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi

Ask = Callable[..., Awaitable[Reply]]
KEYS = "/oauth2/aus1lm3ry9mF7x2Ja0h8/v1/keys"
PRIVILEGES = "/v3/account/user/privileges"
UNAUTHORIZED = b'{"error_key":"unauthorized","error_message":"Unauthorized"}'


def _part(token: str, number: int) -> dict[str, Any]:
    part = token.split(".")[number]
    decoded: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


async def test_a_token_says_what_clients_read(trade: Ask, app: App, account: Account, web_app: Client) -> None:
    token = (await trade(web_app)).body["access_token"]
    published = (await Api(app, None).get(KEYS)).body
    assert list(published["keys"][0]) == ["kty", "alg", "kid", "use", "e", "n"]

    claims = jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"]).claims

    assert _part(token, 0) == {"kid": published["keys"][0]["kid"], "alg": "RS256"}
    assert claims["ver"] == 1
    assert claims["iss"] == "http://everpost.test/oauth2/default"
    assert claims["aud"] == "http://everpost.test/v3"
    assert claims["exp"] - claims["iat"] == 86400
    assert abs(claims["auth_time"] - claims["iat"]) < 30
    assert claims["cid"] == str(web_app.client_id)
    assert claims["uid"].startswith("00u") and len(claims["uid"]) == 20
    assert claims["scp"] == ["contact_data", "offline_access"]
    assert claims["sub"] == account.email
    assert claims["platform_user_id"] == str(account.user_id)
    first, random, refresh = claims["jti"].split(".")
    assert (first, len(random), refresh[:3], len(refresh)) == ("AT", 43, "oar", 20)
    assert 900 <= len(token) <= 1300


async def test_keys_may_be_read_by_everybody(app: App) -> None:
    for path in (KEYS, "/oauth2/default/v1/keys"):
        answer = await Api(app, None).get(path)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "max-age=3600"


async def test_keys_are_only_read(app: App) -> None:
    answer = await Api(app, None).request("POST", KEYS)
    assert (answer.status, answer.body["errorCode"]) == (405, "E0000022")
    assert answer.headers["allow"] == "GET, OPTIONS"


async def test_the_server_describes_itself(app: App) -> None:
    answer = await Api(app, None).get("/.well-known/oauth-authorization-server/oauth2/default")
    assert answer.body["issuer"] == "http://everpost.test/oauth2/default"
    assert answer.body["token_endpoint"] == "http://everpost.test/oauth2/default/v1/token"
    assert answer.body["code_challenge_methods_supported"] == ["S256"]
    assert (await Api(app, None).get("/.well-known/oauth-authorization-server")).status == 404


async def _forged(db: Db, account: Account, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> str:
    """A token made from a good one's claims, signed with our own key unless `change` returns another."""
    good = await tokens.mint_for_command_line(db, account.email)
    header, claims = _part(good, 0), _part(good, 1)
    signing = await keys.current(db)
    key = change(header, claims) or signing.key
    algorithms = [header["alg"]]
    return jwt.encode(header, claims, key, algorithms=algorithms, default_type=None)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, claims: claims.update(iss="https://other.example"),
        lambda header, claims: claims.update(aud="http://everpost.test/mcp"),
        lambda header, claims: claims.update(aud=["http://everpost.test/v3"]),
        lambda header, claims: claims.update(exp=1),
        lambda header, claims: claims.pop("exp") and None,
        lambda header, claims: claims.update(exp="tomorrow"),
        lambda header, claims: claims.update(cid=str(new_id())),
        lambda header, claims: claims.update(jti="AT.short"),
        lambda header, claims: claims.update(jti="AT." + "A" * 43),
        lambda header, claims: claims.update(scp="contact_data"),
        lambda header, claims: header.update(kid="unknown"),
        lambda header, claims: header.update(alg="RS384"),
        lambda header, claims: RSAKey.generate_key(2048),
        lambda header, claims: header.update(alg="HS256") or OctKey.import_key("secret" * 8),
    ],
)
async def test_a_token_that_is_not_ours_is_refused(
    app: App, db: Db, account: Account, change: Callable[[dict[str, Any], dict[str, Any]], Any]
) -> None:
    answer = await Api(app, await _forged(db, account, change)).get(PRIVILEGES)
    assert (answer.status, answer.content) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic abc", "Bearer ü.ü.ü"])
async def test_what_is_no_token_is_refused_with_the_59_bytes(app: App, authorization: str) -> None:
    answer = await Api(app, None).get(PRIVILEGES, headers={b"Authorization": authorization.encode()})
    assert (answer.status, answer.content) == (401, UNAUTHORIZED)
    assert len(answer.content) == 59
    assert answer.headers["www-authenticate"] == "Bearer realm=everpost.test"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_token_without_a_signature_is_refused(app: App, db: Db, account: Account) -> None:
    good = await tokens.mint_for_command_line(db, account.email)
    head = base64.urlsafe_b64encode(msgspec.json.encode({**_part(good, 0), "alg": "none"})).decode().rstrip("=")
    _, body, signature = good.split(".")
    for forged in (f"{head}.{body}.", f"{head}.{body}.{signature}", f"{good[:-4]}AAAA", good.replace(".", "..", 1)):
        assert (await Api(app, forged).get(PRIVILEGES)).status == 401


async def test_a_token_in_the_query_does_not_count(app: App, db: Db, account: Account) -> None:
    token = await tokens.mint_for_command_line(db, account.email)
    assert (await Api(app, None).get(PRIVILEGES, params={"access_token": token})).status == 401


async def test_the_word_bearer_may_be_written_anyhow(app: App, db: Db, account: Account) -> None:
    token = await tokens.mint_for_command_line(db, account.email)
    assert (await Api(app, None).get(PRIVILEGES, headers={"Authorization": f"bEaReR {token}"})).status == 200


async def test_a_token_ends_after_a_day_without_leeway_although_it_is_remembered(api: AccountApi, clock: Any) -> None:
    assert (await api.get(PRIVILEGES)).status == 200
    clock.move(timedelta(seconds=86_399) - timedelta(minutes=1))
    assert (await api.get(PRIVILEGES)).status == 200
    clock.move(timedelta(minutes=1, seconds=2))
    assert (await api.get(PRIVILEGES)).status == 401


async def test_a_deactivated_app_is_forbidden_and_a_deleted_one_unknown(
    trade: Ask, app: App, db: Db, web_app: Client
) -> None:
    client = Api(app, (await trade(web_app)).body["access_token"])
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deactivated")
    answer = await client.get(PRIVILEGES)
    assert (answer.status, answer.body) == (
        403,
        {"error_key": "access_denied", "error_message": "Request forbidden. The application is deactivated."},
    )
    async with db.transaction() as conn:
        await apps.set_state(conn, web_app.client_id, "deleted")
    assert (await client.get(PRIVILEGES)).status == 401


async def test_an_inactive_account_is_forbidden(api: AccountApi, db: Db, account: Account) -> None:
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "disabled")
    answer = await api.get(PRIVILEGES)
    assert (answer.status, answer.body) == (
        403,
        {"error_key": "access_denied", "error_message": "Request forbidden. The account is not active."},
    )


async def test_a_deactivated_person_and_removed_access_end_tokens_at_once(
    trade: Ask, app: App, db: Db, account: Account, web_app: Client, api: AccountApi
) -> None:
    client = Api(app, (await trade(web_app)).body["access_token"])
    assert (await client.get(PRIVILEGES)).status == 200
    async with db.transaction() as conn:
        await grants.remove_access(conn, web_app.client_id, account.user_id)
    assert (await client.get(PRIVILEGES)).status == 401
    assert (await api.get(PRIVILEGES)).status == 200
    async with db.transaction() as conn:
        await users.deactivate(conn, account.user_id)
    assert (await api.get(PRIVILEGES)).status == 401


async def test_a_change_of_role_counts_at_once(api: AccountApi, db: Db, account: Account) -> None:
    manager = await api.as_role("account_manager")
    assert (await manager.get("/v3/account/summary")).status == 200
    async with db.reader() as conn:
        user = await users.find_by_email(conn, "account_manager@harborlane.example")
    assert user is not None
    async with db.transaction() as conn:
        await users.change_role(conn, user.user_id, "campaign_creator")
    answer = await manager.get("/v3/account/summary")
    assert answer.body["error_message"] == "Request forbidden due to insufficient user privileges."


async def test_a_scope_that_is_missing_is_said_before_a_privilege(api: AccountApi) -> None:
    creator = await api.as_role("campaign_creator", scopes="campaign_data")
    answer = await creator.get("/v3/account/summary")
    assert (answer.status, answer.body) == (
        403,
        {"error_key": "access_denied", "error_message": "Request forbidden due to insufficient scope."},
    )


async def test_a_key_is_made_once_by_all_processes(db: Db) -> None:
    async with db.transaction() as conn:
        await run(conn, "DELETE FROM signing_keys")
    found = await asyncio.gather(*(keys.current(db) for _ in range(4)))
    assert len({one.kid for one in found}) == 1
    assert len((await keys.key_set(db)).keys) == 1


async def test_keys_rotate_by_themselves_after_ninety_days_and_retired_ones_are_deleted(db: Db, clock: Any) -> None:
    before = await keys.rotate(db)
    await sweeps.rotate_keys(db)
    assert (await keys.current(db)).kid == before
    clock.move(timedelta(days=90))
    await sweeps.rotate_keys(db)
    after = await keys.current(db)
    assert after.kid != before
    await sweeps.sweep(db)
    assert [key.kid for key in (await keys.key_set(db)).keys] == [after.kid, before]
    clock.move(timedelta(hours=49))
    await sweeps.sweep(db)
    async with db.reader() as conn:
        assert [key.kid for key in await keys.all_known(conn)] == [after.kid]
        assert await one(conn, int, "SELECT count(*) FROM signing_keys") == 1
    config.override(signing_key_days=0)
    clock.move(timedelta(days=400))
    await sweeps.rotate_keys(db)
    assert (await keys.current(db)).kid == after.kid


async def test_two_rotations_at_once_leave_one_current_key(db: Db) -> None:
    kids = await asyncio.gather(*(keys.rotate(db) for _ in range(3)))
    assert (await keys.current(db)).kid in kids
    async with db.reader() as conn:
        assert await one(conn, int, "SELECT count(*) FROM signing_keys WHERE is_current") == 1


async def test_a_retired_key_is_published_for_48_hours(db: Db, account: Account, app: App, clock: Any) -> None:
    old = await tokens.mint_for_command_line(db, account.email)
    await keys.rotate(db)
    new = await tokens.mint_for_command_line(db, account.email)
    assert _part(old, 0)["kid"] != _part(new, 0)["kid"]
    assert len((await keys.key_set(db)).keys) >= 2
    for token in (old, new):
        assert (await Api(app, token).get(PRIVILEGES)).status == 200
    clock.move(timedelta(hours=49))
    assert [key.kid for key in (await keys.key_set(db)).keys] == [_part(new, 0)["kid"]]


async def test_the_command_line_finds_whom_to_act_for(
    db: Db, account: Account, new_account: Callable[[str], Awaitable[Account]]
) -> None:
    only = await tokens.read_caller(db, await tokens.mint_for_command_line(db, None))
    assert only.account_id == account.account_id
    assert only.scopes == {"account_read", "account_update", "contact_data", "campaign_data"}
    assert not only.is_limited
    await new_account("second@harborlane.example")
    with pytest.raises(AccountNotChosen):
        await tokens.mint_for_command_line(db, None)
    with pytest.raises(NoSuchAccount):
        await tokens.mint_for_command_line(db, "nobody@harborlane.example")
    with pytest.raises(UnknownScope):
        await tokens.mint_for_command_line(db, account.email, ["contacts"])
    demo = await new_account(config.current().demo_email)
    chosen = await tokens.read_caller(db, await tokens.mint_for_command_line(db, None))
    assert chosen.account_id == demo.account_id


async def test_apps_of_the_outside_are_limited(trade: Ask, db: Db, web_app: Client) -> None:
    token = (await trade(web_app)).body["access_token"]
    assert (await tokens.read_caller(db, token)).is_limited
