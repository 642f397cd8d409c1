"""Imports with SMS numbers. Source: contract, bulk-activities.md §3.1, §3.3, contacts.md §5.9."""

from typing import Any

import pytest

HEAD = "email,sms_number,sms_consent_date,first_name\n"


@pytest.fixture
def people(api: Any) -> Any:
    """`await people()`: first names, addresses, numbers and permissions of all contacts, in the order they were made."""

    async def read() -> list[tuple[Any, ...]]:
        parameters = {"status": "all", "limit": "500", "include": "sms_channel,list_memberships"}
        found = (await api.get("/v3/contacts", parameters)).body["contacts"]
        return sorted(_shown(contact) for contact in found if contact.get("last_name") != "Owner")

    return read


def _shown(contact: Any) -> tuple[str, str, str, str]:
    channel = contact.get("sms_channel") or {
        "sms_address": "",
        "sms_channel_consents": [{"sms_consent_permission": ""}],
    }
    return (
        contact.get("first_name", ""),
        contact.get("email_address", {}).get("address", ""),
        channel["sms_address"],
        channel["sms_channel_consents"][0]["sms_consent_permission"],
    )


async def test_numbers_are_kept_with_their_consents(import_file, finished, people, api, account):
    text = HEAD + (
        "ada@x.example,212-555-0100,1/31/2026,Ada\n"
        "bo@x.example,+1 2125550101,,Bo\n"
        ",12125550102,2026-02-11,Cy\n"
        ",12,,Di\n"
        "ed@x.example,2125550104,yesterday,Ed\n"
        "fo@x.example,,2026-02-11,Fo\n"
    )
    done = await finished(await import_file(text, sms_permission_to_send="explicit"))
    assert done["activity_errors"] == ["Line 5: Invalid SMS number", "Line 6: Invalid SMS consent date"]
    assert (done["status"]["person_count"], done["status"]["error_count"]) == (6, 2)
    assert await people() == [
        ("Ada", "ada@x.example", "2125550100", "explicit"),
        ("Bo", "bo@x.example", "2125550101", "not_set"),
        ("Cy", "", "2125550102", "explicit"),
        ("Fo", "fo@x.example", "", ""),
    ]
    listed = await api.get("/v3/contacts", {"lists": str(account.list_id), "include": "sms_channel"})
    cy = next(contact for contact in listed.body["contacts"] if contact.get("first_name") == "Cy")
    assert "email_address" not in cy
    assert cy["sms_channel"]["sms_channel_consents"][0]["opt_in_date"] == "2026-02-11T00:00:00Z"
    history = (await api.get(f"/v3/contacts/sms_engagement_history/{cy['contact_id']}")).body
    assert [
        {
            "state": "E", "source": "A", "consent_type": "promotional_sms", "consent_action_time": "2026-02-11 00:00:00+0000",
            "consent_action_type": "opt_in", "consent_medium_type": "FI", "source_consent_timestamp": "2026-02-11",
            "source_sms_number": "12125550102",
        }
    ] == [entry["history_details"] for entry in history]  # fmt: skip


async def test_without_a_permission_no_consent_is_explicit(import_file, finished, people):
    await finished(
        await import_file(HEAD + "ada@x.example,2125550100,1/31/2026,Ada\n", sms_permission_to_send="not_set")
    )
    assert await people() == [("Ada", "ada@x.example", "2125550100", "not_set")]


async def test_who_is_known_by_a_number_is_updated_and_nobody_is_doubled(import_file, finished, people):
    first = HEAD + ",2125550100,,Ada\nbo@x.example,2125550101,,Bo\ncy@x.example,,,Cy\n"
    await finished(await import_file(first, sms_permission_to_send="not_set"))
    second = HEAD + (
        ",2125550101,2026-01-01,Bob\n"  # known by the number
        "ada@x.example,2125550100,,\n"  # known by the number, and given an address
        "cy@x.example,2125550101,,Cyd\n"  # two people
        "new@x.example,2125550101,,New\n"  # somebody new with the number of another
        "cy@x.example,2125550103,,\n"
        ",2125550103,,Cyrus\n"
        ",2125550105,,Di\n"
        "di@x.example,2125550105,2026-01-01,\n"
    )
    done = await finished(await import_file(second, sms_permission_to_send="explicit"))
    assert done["activity_errors"] == [
        "Line 4: The SMS number belongs to another contact", "Line 5: The SMS number belongs to another contact",
    ]  # fmt: skip
    assert (done["status"]["person_count"], done["status"]["error_count"]) == (8, 2)
    assert await people() == [
        ("Ada", "ada@x.example", "2125550100", "not_set"),
        ("Bob", "bo@x.example", "2125550101", "explicit"),
        ("Cyrus", "cy@x.example", "2125550103", "not_set"),
        ("Di", "di@x.example", "2125550105", "explicit"),
    ]


async def test_the_data_of_one_person_in_many_rows_is_put_together_in_their_order(import_file, finished, people, api):
    text = "email,sms_number,first_name\nada@x.example,,A\nbo@x.example,2125550109,Bo\nada@x.example,2125550100,B\n"
    text += "ada@x.example,2125550109,C\nADA@x.example,,D\n,2125550100,E\ncy@x.example,2125550109,\ncy@x.example,,Cy\n"
    done = await finished(await import_file(text, sms_permission_to_send="not_set"))
    assert [error[:6] for error in done["activity_errors"]] == ["Line 5", "Line 8"]
    assert await people() == [
        ("Bo", "bo@x.example", "2125550109", "not_set"),
        ("Cy", "cy@x.example", "", ""),
        ("E", "ADA@x.example", "2125550100", "not_set"),
    ]


async def test_a_consent_that_was_taken_back_stays_so_and_none_is_weakened(import_file, finished, people, api):
    for number, permission in ((0, "unsubscribed"), (1, "explicit")):
        consent = {"sms_consent_permission": permission, "consent_type": "promotional_sms"}
        channel = {"full_sms_address": f"1212555010{number}", "sms_channel_consents": [consent]}
        body = {"create_source": "Account", "first_name": permission, "sms_channel": channel}
        assert (await api.post("/v3/contacts", body)).status == 201
    text = HEAD + ",2125550100,2026-01-01,\n,2125550101,,\n"
    await finished(await import_file(text, sms_permission_to_send="explicit"))
    assert await people() == [
        ("explicit", "", "2125550101", "explicit"), ("unsubscribed", "", "2125550100", "unsubscribed"),
    ]  # fmt: skip


async def test_the_same_numbers_again_write_nothing(import_file, finished, db):
    text = HEAD + ",2125550100,2026-01-01,Ada\nbo@x.example,2125550101,,Bo\n"
    await finished(await import_file(text, sms_permission_to_send="explicit"))
    async with db.reader() as conn:
        versions = "SELECT array_agg(xmin::text) FROM contacts UNION ALL SELECT array_agg(xmin::text) FROM sms_channels"
        before = await conn.fetch(versions)
        await finished(await import_file(text, sms_permission_to_send="explicit"))
        assert before == await conn.fetch(versions)


async def test_items_of_a_json_import_may_have_numbers_too(api, account, finished, people):
    items = [{"sms_number": "2125550100", "sms_consent_date": "1/1/2026", "first_name": "Ada"}]
    body = {"import_data": items, "list_ids": [str(account.list_id)]}
    await finished(await api.post("/v3/activities/contacts_json_import", body))
    assert await people() == [("Ada", "", "2125550100", "not_set")]
    await finished(
        await api.post("/v3/activities/contacts_json_import", {**body, "sms_permission_to_send": "explicit"})
    )
    assert await people() == [("Ada", "", "2125550100", "explicit")]
