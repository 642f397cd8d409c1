"""RFC 9700, Best Current Practice for OAuth 2.0 Security: one test for each requirement on the server that applies.

Not followed, because the contract says otherwise: §2.1 one wildcard label may be registered; §2.1.2 the implicit grant
is still offered, but not named in the metadata; §2.2.2 an app without a secret may choose long-lived refresh tokens.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from everpost.accounts import recoveries, users
from everpost.oauth import apps, grants, keys, tokens
from everpost.oauth.redirect_uris import BadRedirectUri
from everpost.platform import config, memory
from everpost.platform.clock import now
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.oauth.browser import AUTHORIZE, Browser
from tests.oauth.conftest import CALLBACK, PRIVILEGES, PROOF, VERIFIER, Client
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

Ask = Callable[..., Awaitable[Reply]]
Work = Callable[[], Awaitable[int]]


@pytest.mark.parametrize(
    "uri",
    [f"{CALLBACK}/", f"{CALLBACK}?x", CALLBACK.upper(), f"{CALLBACK}/../other", "https://app.example:443/callback"],
)
async def test_rfc9700_2_1_redirect_uris_are_compared_exactly(owner: Browser, web_app: Client, uri: str) -> None:
    await owner.ask(**web_app.asking(redirect_uri=uri))
    assert (owner.page.status_code, "location" in owner.page.headers) == (400, False)


async def test_rfc9700_2_1_and_4_11_2_the_server_is_no_open_redirector(browser: Browser, web_app: Client) -> None:
    for bad in (
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example"},
        {"scope": "openid", "redirect_uri": "//evil"},
    ):
        await browser.ask(**{**web_app.asking(), **bad})
        assert "location" not in browser.page.headers
    for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
        await browser.open(f"/login?{urlencode({'next': target})}")
        assert "evil.example" not in browser.page.text


async def test_rfc9700_2_1_1_a_public_client_must_use_pkce(owner: Browser, public_app: Client) -> None:
    await owner.ask(**public_app.asking())
    assert owner.received["error"] == "invalid_request"


async def test_rfc9700_2_1_1_pkce_is_offered_to_confidential_clients_and_then_enforced(
    owner: Browser, web_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking(**PROOF)))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert (await ask_token(web_app.basic, **trade)).body["error_description"] == "PKCE verification failed."
    assert (await ask_token(web_app.basic, code_verifier=VERIFIER, **trade)).status == 200


async def test_rfc9700_2_1_1_and_4_8_2_a_verifier_without_a_challenge_is_a_downgrade_and_refused(
    owner: Browser, web_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    assert (await ask_token(web_app.basic, **trade)).body["error"] == "invalid_grant"


async def test_rfc9700_2_1_1_the_challenge_method_does_not_reveal_the_verifier(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking(code_challenge=VERIFIER, code_challenge_method="plain"))
    assert owner.received["error"] == "invalid_request"


async def test_rfc9700_2_1_1_support_for_pkce_is_published(app: App) -> None:
    found = await Api(app, None).get("/.well-known/oauth-authorization-server/oauth2/default")
    assert found.body["code_challenge_methods_supported"] == ["S256"]


async def test_rfc9700_2_2_2_and_4_14_2_refresh_tokens_rotate_and_their_replay_ends_the_chain(
    trade: Ask, ask_token: Ask, app: App, web_app: Client
) -> None:
    first = (await trade(web_app)).body
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await ask_token(web_app.basic, **renew)).body
    assert (await ask_token(web_app.basic, **renew)).body["error"] == "invalid_grant"
    for token in (first["access_token"], second["access_token"]):
        assert (await Api(app, token).get(PRIVILEGES)).status == 401
    again = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    assert (await ask_token(web_app.basic, **again)).body["error"] == "invalid_grant"


async def test_rfc9700_4_14_2_a_new_password_ends_what_was_allowed_under_the_old_one(
    trade: Ask, ask_token: Ask, app: App, web_app: Client, account: Account, db: Db, work: Work, clock: Any
) -> None:
    before = (await trade(web_app)).body
    operators = await tokens.mint_for_command_line(db, account.email)
    clock.move(timedelta(seconds=1))
    async with db.transaction() as conn:
        await recoveries.set_password(conn, await users.get(conn, account.user_id), "seven lamps and a boat")
    clock.move(timedelta(seconds=1))
    memory.resume()
    async with db.transaction() as conn:
        user = await users.get(conn, account.user_id)
        grant = await grants.create(conn, web_app.client_id, user, ["contact_data"], auth_time=now())
        after = tokens.mint(await keys.current(db), grant, user, grant.scopes).access_token
    await work()
    found = [(await Api(app, token).get(PRIVILEGES)).status for token in (before["access_token"], operators, after)]
    assert [401, 200, 200] == found
    renew = {"grant_type": "refresh_token", "refresh_token": before["refresh_token"]}
    assert (await ask_token(web_app.basic, **renew)).body["error"] == "invalid_grant"


async def test_rfc9700_2_3_a_token_is_good_for_one_audience_and_its_scopes_only(
    trade: Ask, app: App, web_app: Client
) -> None:
    token = (await trade(web_app, "contact_data")).body["access_token"]
    assert (await Api(app, token).get("/v3/emails")).status == 403
    config.override(token_audience="https://another.example/v3")
    tokens._claims.clear()
    tokens._callers.clear()
    assert (await Api(app, token).get(PRIVILEGES)).status == 401


async def test_rfc9700_2_4_passwords_are_no_grant(web_app: Client, ask_token: Ask, account: Account) -> None:
    answer = await ask_token(
        web_app.basic, grant_type="password", username=account.email, password="correct horse battery"
    )
    assert answer.body["error"] == "unsupported_grant_type"


async def test_rfc9700_2_6_metadata_is_published(app: App) -> None:
    assert (await Api(app, None).get("/.well-known/oauth-authorization-server/oauth2/default")).status == 200


@pytest.mark.parametrize(
    "uri", ["https://app.example/*", "https://*.*.app.example", "https://*.com", "https://*", "https://*.127.0.0.1"]
)
async def test_rfc9700_4_1_3_wildcards_that_reach_others_cannot_be_registered(db: Db, uri: str) -> None:
    with pytest.raises(BadRedirectUri):
        async with db.transaction() as conn:
            await apps.create(conn, apps.NewApp(name="x", redirect_uris=[uri]))


async def test_rfc9700_4_2_4_no_page_and_no_redirect_leaks_its_address(owner: Browser, web_app: Client) -> None:
    page = await owner.ask(**web_app.asking())
    assert page.headers["referrer-policy"] == "no-referrer"
    assert 'src="http' not in page.text
    await owner.submit(decision="allow")
    assert owner.page.headers["referrer-policy"] == "no-referrer"
    assert owner.page.headers["cache-control"] == "no-store"


async def test_rfc9700_4_2_4_and_4_3_1_a_code_that_leaked_is_worth_nothing_after_its_use(
    owner: Browser, web_app: Client, ask_token: Ask
) -> None:
    code = (await owner.allow(**web_app.asking()))["code"]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert [(await ask_token(web_app.basic, **trade)).status for _ in range(2)] == [200, 400]


async def test_rfc9700_4_3_2_a_token_in_the_query_opens_nothing(trade: Ask, app: App, web_app: Client) -> None:
    token = (await trade(web_app)).body["access_token"]
    assert (await Api(app, None).get(PRIVILEGES, params={"access_token": token})).status == 401


async def test_rfc9700_4_5_a_code_injected_into_another_session_fails_on_its_challenge(
    owner: Browser, public_app: Client, ask_token: Ask
) -> None:
    stolen = (await owner.allow(**public_app.asking(**PROOF)))["code"]
    trade = {"grant_type": "authorization_code", "code": stolen, "redirect_uri": CALLBACK}
    answer = await ask_token(client_id=str(public_app.client_id), code_verifier="w" * 43, **trade)
    assert answer.body["error_description"] == "PKCE verification failed."


async def test_rfc9700_4_7_1_the_state_is_required_and_returned(owner: Browser, web_app: Client) -> None:
    asked = web_app.asking()
    del asked["state"]
    await owner.ask(**asked)
    assert owner.received["error"] == "invalid_request"
    assert (await owner.allow(**web_app.asking()))["state"] == "k3-91"


async def test_rfc9700_4_12_no_redirect_repeats_a_form_with_a_password(
    browser: Browser, web_app: Client, account: Account
) -> None:
    await browser.ask(**web_app.asking())
    statuses = [browser.page.status_code]
    await browser.follow()
    statuses.append((await browser.submit(login=account.email, password="correct horse battery")).status_code)
    await browser.follow()
    statuses.append((await browser.submit(decision="allow")).status_code)
    assert statuses == [302, 303, 302]


async def test_rfc9700_4_15_no_client_can_pass_for_a_person(
    trade: Ask, app: App, web_app: Client, account: Account
) -> None:
    found: dict[str, Any] = (
        await Api(app, None).request(
            "POST",
            "/oauth2/default/v1/introspect",
            data={"token": (await trade(web_app)).body["access_token"]},
            auth=web_app.basic,
        )
    ).body
    assert found["sub"] == account.email
    assert found["client_id"] == str(web_app.client_id) != found["sub"]


async def test_rfc9700_4_16_nobody_can_frame_the_pages(owner: Browser, web_app: Client) -> None:
    await owner.ask(**web_app.asking())
    pages = [owner.page, await owner.open("/activate"), await owner.open("/login"), await owner.open(AUTHORIZE)]
    for page in pages:
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
