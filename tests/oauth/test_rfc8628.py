"""RFC 8628, Device Authorization Grant: one test for each requirement on the server."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from everpost.platform.db import Db, many
from everpost.platform.http import App
from tests.oauth.browser import Browser
from tests.oauth.conftest import DEVICE_START, Client
from tests.support.api import Api, Reply

Ask = Callable[..., Awaitable[Reply]]
Start = Callable[..., Awaitable[Any]]


async def test_rfc8628_3_1_a_client_must_name_itself(app: App) -> None:
    answer = await Api(app, None).request("POST", DEVICE_START, data={"scope": "contact_data"})
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_rfc8628_3_2_the_answer_has_every_member_and_is_not_stored(app: App, device_app: Client) -> None:
    asked = {"client_id": str(device_app.client_id), "scope": "contact_data"}
    answer = await Api(app, None).request("POST", DEVICE_START, data=asked)
    assert {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    } == set(answer.body)
    assert answer.headers["cache-control"] == "no-store"


async def test_rfc8628_3_3_the_person_is_told_which_program_asks_for_what(start_device: Start, owner: Browser) -> None:
    await owner.open("/activate")
    await owner.submit(user_code=(await start_device("contact_data campaign_data"))["user_code"])
    assert owner.heading == "Connect Television?"
    for name in ("contact_data", "campaign_data", "Harbor Lane Books"):
        assert name in owner.page.text


async def test_rfc8628_3_3_1_a_link_with_the_code_still_asks_the_person_to_compare_it(
    start_device: Start, poll: Ask, owner: Browser
) -> None:
    told = await start_device()
    await owner.open(told["verification_uri_complete"])
    await owner.submit()
    assert f"{told['user_code'][:4]}-{told['user_code'][4:]}" in owner.page.text
    assert (await poll(told["device_code"])).body["error"] == "authorization_pending"


async def test_rfc8628_3_4_and_5_1_a_device_code_is_used_once(start_device: Start, poll: Ask, owner: Browser) -> None:
    told = await start_device()
    await owner.activate(told["user_code"])
    assert [(await poll(told["device_code"])).status for _ in range(2)] == [200, 400]


async def test_rfc8628_3_5_slow_down_adds_five_seconds_to_this_and_all_later_waits(
    start_device: Start, poll: Ask, clock: Any
) -> None:
    code = (await start_device())["device_code"]
    heard = []
    for seconds in (5, 1, 9, 14, 15, 25):
        clock.move(timedelta(seconds=seconds))
        heard.append((await poll(code)).body["error"])
    assert heard == ["authorization_pending", *["slow_down"] * 4, "authorization_pending"]


async def test_rfc8628_3_5_a_refusal_is_access_denied_and_age_is_expired_token(
    start_device: Start, poll: Ask, owner: Browser, clock: Any
) -> None:
    refused, old = await start_device(), await start_device()
    await owner.activate(refused["user_code"], "deny")
    assert (await poll(refused["device_code"])).body["error"] == "access_denied"
    clock.move(timedelta(seconds=old["expires_in"]))
    assert (await poll(old["device_code"])).body["error"] == "expired_token"


async def test_rfc8628_5_1_guessing_user_codes_is_stopped(owner: Browser) -> None:
    statuses = []
    for _ in range(6):
        await owner.open("/activate")
        statuses.append((await owner.submit(user_code="BBBBBBBB")).status_code)
    assert statuses == [400] * 5 + [429]


async def test_rfc8628_5_2_codes_are_stored_as_hashes_and_the_long_one_cannot_be_guessed(
    start_device: Start, db: Db
) -> None:
    told = [await start_device() for _ in range(20)]
    assert len({each["device_code"] for each in told}) == len({each["user_code"] for each in told}) == 20
    assert all(len(each["device_code"].replace("-", "")) == 32 for each in told)
    async with db.reader() as conn:
        stored = await many(conn, bytes, "SELECT code_hash || user_code_hash FROM device_codes")
    assert {len(each) for each in stored} == {64}


async def test_rfc8628_5_4_the_person_is_warned_of_codes_that_others_sent(start_device: Start, owner: Browser) -> None:
    await owner.open("/activate")
    await owner.submit(user_code=(await start_device())["user_code"])
    assert "if somebody sent you here" in owner.page.text


async def test_rfc8628_6_1_user_codes_have_no_vowels_and_are_read_without_case_and_punctuation(
    start_device: Start, owner: Browser
) -> None:
    code = (await start_device())["user_code"]
    assert not set(code) & set("AEIOUY")
    await owner.open("/activate")
    await owner.submit(user_code="-".join(code.lower()))
    assert owner.heading == "Connect Television?"
