"""Every error of the contract's tables for contacts, lists, tags, custom fields and contact reports, word for word."""

from typing import Any

import pytest

from everpost.contacts import consent_settings
from everpost.platform.db import Db
from tests.contract.bad_contact_requests import CONTACT, FIELD, LIST, TABLE, TAG, Row, key_of, sms
from tests.contract.test_bad_requests import filled, filled_body
from tests.support.api import Api
from tests.support.fixtures import Account, AccountApi


@pytest.fixture
async def things(api: AccountApi, work: Any) -> dict[str, str]:
    """What the rows name."""

    async def make(path: str, member: str, /, **body: Any) -> str:
        answer = await api.post(f"/v3{path}", body)
        assert answer.status in (201, 202), answer
        return str(answer.body[member])

    async def person(name: str, permission: str, **more: Any) -> str:
        email = {"address": f"{name}@reader.example", "permission_to_send": permission}
        return await make(CONTACT, "contact_id", create_source="Account", email_address=email, **more)

    lists = (await api.get(f"/v3{LIST}")).body["lists"]
    choices = [{"choice_label": "North"}, {"choice_label": "South"}]
    found = {
        "list": str(lists[0]["list_id"]),
        "other_list": await make(LIST, "list_id", name="Others"),
        "gone_list": await make(LIST, "list_id", name="Gone"),
        "tag": await make(TAG, "tag_id", name="VIP"),
        "other_tag": await make(TAG, "tag_id", name="Friend"),
        "text": await make(FIELD, "custom_field_id", label="Boat", type="string"),
        "area": await make(FIELD, "custom_field_id", label="Story", type="text_area"),
        "number": await make(FIELD, "custom_field_id", label="Crew", type="number"),
        "money": await make(FIELD, "custom_field_id", label="Fee", type="currency"),
        "day": await make(FIELD, "custom_field_id", label="Launch", type="date"),
        "moment": await make(FIELD, "custom_field_id", label="Start", type="datetime"),
        "flag": await make(FIELD, "custom_field_id", label="Paid", type="boolean"),
        "choice": await make(
            FIELD, "custom_field_id", label="Berth", type="single_select", metadata={"display_type": "radio"},
            choices=choices,
        ),
        "ada": await person("ada", "implicit", **sms(full_sms_address="14155550199")),
        "explicit": await person("explicit", "explicit"),
        "pending": await person("pending", "pending_confirmation"),
        "gone": await person("gone", "implicit"),
        "invited": await person("invited", "unsubscribed"),
        "deleted": await person("deleted", "implicit"),
        "nameless": await make(CONTACT, "contact_id", create_source="Account", first_name="Odile"),
    }  # fmt: skip
    out = {"address": "gone@reader.example", "permission_to_send": "unsubscribed"}
    for done in (
        await api.put(f"/v3{CONTACT}/{found['gone']}", {"update_source": "Contact", "email_address": out}),
        await api.put(f"/v3{CONTACT}/resubscribe/{found['invited']}", {"list_ids": [found["list"]]}),
        await api.delete(f"/v3{CONTACT}/{found['deleted']}"),
        await api.delete(f"/v3{LIST}/{found['gone_list']}"),
    ):
        assert done.response.is_success, done
    await work()
    return found


async def test_what_is_wrong_is_told_word_for_word(
    api: AccountApi, db: Db, account: Account, things: dict[str, str]
) -> None:
    async with db.transaction() as conn:
        await consent_settings.set_opt_in_confirmed(conn, account.account_id, is_on=True)

    wrong = []
    for row in TABLE:
        expected = (row.status, [{"error_key": key_of(row), "error_message": filled(row.message, things)}])
        told = await ask(api, row, things)
        if told != expected:
            wrong.append((row, told))
    assert [] == wrong


async def ask(api: Api, row: Row, things: dict[str, str]) -> tuple[int, Any]:
    path = "/v3" + filled(row.path, things)
    if isinstance(row.body, bytes):
        answer = await api.request(row.method, path, content=row.body, headers={"Content-Type": "application/json"})
    else:
        answer = await api.request(row.method, path, json=filled_body(row.body, things))
    return answer.status, answer.body if answer.content else None
