"""Imports of files, through the door and the worker. Source: contract, bulk-activities.md §3."""

import asyncio
from datetime import timedelta
from typing import Any

from everpost.activities import runner
from everpost.contacts import consent, stored
from everpost.contacts.stored import StoredContact
from everpost.ids import ContactId, new_id
from everpost.platform import clock as clock_now
from everpost.platform.db import Db, many, one

_MINUTE = timedelta(minutes=1)

EXAMPLE = """email,first_name,Last Name,phone,city,cf:boat_length_m,birthday_month,birthday_day
odile@kestrelmarine.example,Odile,Farrant,555-0142,Astoria,9.5,4,30
not-an-address,Ruben,Tal,,,,,
"pia@lowtide.example",Pia,"Ost, MD",,,,13,1
"""


async def test_the_contracts_example_is_imported_as_it_says(import_file, finished, contacts, api, account, clock):
    field = {"label": "Boat length (m)", "type": "number", "metadata": {"integer": False, "decimal_places": 1}}
    assert (await api.post("/v3/contact_custom_fields", field)).status == 201
    posted = await import_file(EXAMPLE, name="spring_fair.csv")
    assert posted.status == 201
    assert list(posted.body) == [
        "activity_id", "state", "created_at", "updated_at", "source_file_name", "percent_done", "activity_errors",
        "status", "_links",
    ]  # fmt: skip
    assert posted.body["state"] == "initialized"
    assert posted.body["source_file_name"] == "spring_fair.csv"
    assert (posted.body["percent_done"], posted.body["activity_errors"], posted.body["status"]) == (1, [], {})

    done = await finished(posted)

    assert done["state"] == "completed"
    assert done["percent_done"] == 100
    assert done["status"] == {
        "items_total_count": 4, "person_count": 3, "error_count": 0, "correctable_count": 2,
        "cannot_add_to_list_count": 0,
    }  # fmt: skip
    assert done["activity_errors"] == ["Line 3: Invalid email address", "Line 4: Invalid birthday"]
    odile = (await contacts())["odile@kestrelmarine.example"]
    assert odile["first_name"] == "Odile"
    assert odile["last_name"] == "Farrant"
    assert (odile["birthday_month"], odile["birthday_day"]) == (4, 30)
    assert odile["create_source"] == "Account"
    assert "update_source" not in odile
    assert odile["email_address"]["permission_to_send"] == "implicit"
    assert odile["email_address"]["opt_in_source"] == "Account"
    assert odile["email_address"]["confirm_status"] == "off"
    assert [(number["kind"], number["phone_number"]) for number in odile["phone_numbers"]] == [("other", "555-0142")]
    assert [(place["kind"], place["city"]) for place in odile["street_addresses"]] == [("home", "Astoria")]
    assert [value["value"] for value in odile["custom_fields"]] == ["9.5"]
    assert odile["list_memberships"] == [str(account.list_id)]
    assert set(await contacts()) == {"odile@kestrelmarine.example", account.email}


async def test_the_same_file_again_writes_no_contact(import_file, finished, db):
    text = "email,first_name,phone,home_city,work_phone\nada@x.example,Ada,1,Rome,2\nbo@x.example,,,,\n"
    await finished(await import_file(text))
    before = await _versions(db)
    again = await finished(await import_file(text))
    assert again["status"]["person_count"] == 2
    assert await _versions(db) == before


async def test_a_long_file_again_changes_just_what_differs(import_file, finished, db, api, account):
    lines = [f"person{number:05}@x.example,First{number},{'n' * 240}" for number in range(6000)]
    head = "email,first_name,comment\n"
    await finished(await import_file(head + "\n".join(lines)))
    ids = {await _change(api, number, account.list_id): number for number in (5001, 5002, 5003)}
    before = await _versions_by_id(db)
    lines[5004] = "person05004@x.example,Changed,"
    lines[5005] = "PERSON05005@X.example,,"
    lines.append("new@x.example,New,")
    done = await finished(await import_file(head + "\n".join(lines)))
    assert done["status"] == {
        "items_total_count": 6002, "person_count": 6001, "error_count": 0, "correctable_count": 0,
        "cannot_add_to_list_count": 1,
    }  # fmt: skip
    after = await _versions_by_id(db)
    written = {contact_id for contact_id in before if before[contact_id] != after[contact_id]}
    changed = (await api.get("/v3/contacts", {"email": "person05004@x.example"})).body["contacts"][0]
    # The unsubscribed contact held everything already, so only its count tells of it.
    assert written == {contact_id for contact_id, number in ids.items() if number != 5001} | {changed["contact_id"]}
    assert changed["first_name"] == "Changed"
    members = await api.get("/v3/contacts", {"lists": str(account.list_id), "include_count": "true", "limit": "1"})
    assert members.body["contacts_count"] == 6000 - 1 + 1 + 1


async def test_blank_cells_never_erase_and_others_are_written(import_file, finished, contacts, clock):
    await finished(await import_file("email,first_name,last_name,job_title\nada@x.example,Ada,Byron,Countess\n"))
    clock.move(_MINUTE)
    await finished(await import_file("email,first_name,last_name\nADA@x.example,,Lovelace\n"))
    ada = (await contacts())["ada@x.example"]
    assert (ada["first_name"], ada["last_name"], ada["job_title"]) == ("Ada", "Lovelace", "Countess")
    assert ada["update_source"] == "Account"
    assert ada["updated_at"] > ada["created_at"]


async def test_of_the_same_address_twice_the_later_row_wins_cell_by_cell(import_file, finished, contacts):
    text = "email,first_name,last_name\nada@x.example,Ada,Byron\nAda@X.example,,Lovelace\n"
    done = await finished(await import_file(text))
    assert done["status"]["person_count"] == 2
    ada = next(contact for key, contact in (await contacts()).items() if key.lower() == "ada@x.example")
    assert (ada["first_name"], ada["last_name"]) == ("Ada", "Lovelace")


async def test_an_unsubscribed_contact_is_updated_but_joins_no_list(import_file, finished, contacts, api, account):
    await _post_contact(api, "ada@x.example", permission="unsubscribed")
    done = await finished(await import_file("email,first_name\nada@x.example,Ada\n"))
    assert done["status"]["cannot_add_to_list_count"] == 1
    ada = (await contacts())["ada@x.example"]
    assert ada["first_name"] == "Ada"
    assert ada["email_address"]["permission_to_send"] == "unsubscribed"
    assert ada["list_memberships"] == []


async def test_a_deleted_contact_is_revived(import_file, finished, contacts, api, account):
    made = await _post_contact(api, "ada@x.example")
    assert (await api.delete(f"/v3/contacts/{made['contact_id']}")).status == 204
    await finished(await import_file("email\nada@x.example\n"))
    ada = (await contacts())["ada@x.example"]
    assert ada["contact_id"] == made["contact_id"]
    assert "deleted_at" not in ada
    assert "opt_out_date" not in ada["email_address"]
    assert ada["list_memberships"] == [str(account.list_id)]


async def test_parts_are_upserted_by_kind_and_a_fourth_number_is_left_out(import_file, finished, contacts):
    await finished(await import_file("email,home_phone,work_phone,street,state,country\na@x.example,1,2,Elm 1,OR,US\n"))
    before = (await contacts())["a@x.example"]
    text = "email,home_phone,mobile_phone,other_phone,street2,work_city\na@x.example,11,3,4,Suite 5,Salem\n"
    done = await finished(await import_file(text))
    assert done["activity_errors"] == ["Line 2: No room for other_phone"]
    after = (await contacts())["a@x.example"]
    numbers = {number["kind"]: number for number in after["phone_numbers"]}
    assert {kind: number["phone_number"] for kind, number in numbers.items()} == {
        "home": "11",
        "work": "2",
        "mobile": "3",
    }
    assert numbers["home"]["phone_number_id"] == before["phone_numbers"][0]["phone_number_id"]
    home, office = after["street_addresses"]
    assert (home["street"], home["state"], home["country"]) == ("Suite 5", "Oregon", "United States")
    assert (office["kind"], office["city"]) == ("work", "Salem")


async def test_nobody_is_put_on_more_than_50_lists(import_file, finished, contacts, api, account):
    lists = [(await api.post("/v3/contact_lists", {"name": f"List {number}"})).body["list_id"] for number in range(51)]
    made = await _post_contact(api, "ada@x.example", lists=lists[:49])
    done = await finished(await import_file("email\nada@x.example\n", list_ids=f"{lists[49]},{lists[50]}"))
    assert done["activity_errors"] == [f"Contact {made['contact_id']} already belongs to 50 lists"]
    assert set((await contacts())["ada@x.example"]["list_memberships"]) == set(lists[:50])


async def test_a_list_that_joins_later_is_noticed_when_nothing_else_changed(
    import_file, finished, contacts, api, account
):
    await finished(await import_file("email,first_name\nada@x.example,Ada\nbo@x.example,Bo\n"))
    other = (await api.post("/v3/contact_lists", {"name": "Other"})).body["list_id"]
    await finished(
        await import_file("email,first_name\nbo@x.example,Bo\n", list_ids=f'["{account.list_id}","{other}"]')
    )
    everybody = await contacts()
    assert everybody["ada@x.example"]["list_memberships"] == [str(account.list_id)]
    assert set(everybody["bo@x.example"]["list_memberships"]) == {str(account.list_id), other}
    assert everybody["bo@x.example"]["update_source"] == "Account"


async def test_custom_fields_are_found_by_name_and_label_and_told_when_unknown(import_file, finished, contacts, api):
    plan = (await api.post("/v3/contact_custom_fields", {"label": "Plan", "type": "string"})).body["custom_field_id"]
    tastes = {
        "label": "Tastes", "type": "multi_select", "metadata": {"display_type": "checkbox"},
        "choices": [{"choice_label": "Sweet"}, {"choice_label": "Salty"}, {"choice_label": "Sour"}],
    }  # fmt: skip
    tastes_id = (await api.post("/v3/contact_custom_fields", tastes)).body["custom_field_id"]
    text = (
        'email,cf:PLAN,cf:Tastes,cf:colour\nada@x.example,"the ""gold"" one\\",Salty;sweet,red\nbo@x.example,,Bitter,\n'
    )
    done = await finished(await import_file(text))
    assert done["activity_errors"] == ["Unknown custom field: cf:colour", "Line 3: Invalid value for cf:tastes"]
    assert (done["status"]["error_count"], done["status"]["correctable_count"]) == (1, 0)
    values = {value["custom_field_id"]: value for value in (await contacts())["ada@x.example"]["custom_fields"]}
    assert values[plan]["value"] == 'the "gold" one\\'
    assert values[tastes_id]["choice_ids"] == ["1", "2"]


async def test_every_kind_of_bad_row_is_told_and_counted(import_file, finished, account, contacts):
    long = "x" * 51
    text = (
        "email,first_name,job_title,birthday_month,birthday_day,anniversary,mobile_phone,home_zip\n"
        ",Name only,,,,,,\n"
        ",,Nobody,,,,,\n"
        "a@x.example,,,2,30,,,\n"
        "b@x.example,,,2,,,,\n"
        "c@x.example,,,,,1899-01-01,,\n"
        "\n"
        f"d@x.example,,{long},,,,,\n"
        f"e@x.example,,,,,,{long},\n"
        f"f@x.example,,,,,,,{long}\n"
        f"{'g' * 80}@x.example,,,,,,,\n"
        "ok@x.example,,,2,29,0/0/00,,\n"
    )
    done = await finished(await import_file(text))
    assert done["activity_errors"] == [
        "Line 2: No email address, SMS number or name",
        "Line 3: No email address, SMS number or name",
        "Line 4: Invalid birthday",
        "Line 5: Invalid birthday",
        "Line 6: Invalid anniversary",
        "Line 8: Value too long for job_title",
        "Line 9: Value too long for mobile_phone",
        "Line 10: Value too long for home_zip",
        "Line 11: Value too long for email",
    ]
    assert done["status"] == {
        "items_total_count": 11, "person_count": 10, "error_count": 4, "correctable_count": 5,
        "cannot_add_to_list_count": 0,
    }  # fmt: skip
    assert set(await contacts()) == {"ok@x.example", account.email}


async def test_at_most_500_messages_are_kept(import_file, finished):
    done = await finished(await import_file("email\n" + "nobody\n" * 700))
    assert len(done["activity_errors"]) == 500
    assert done["activity_errors"][498:] == ["Line 500: Invalid email address", "… and 201 more"]
    assert done["status"]["correctable_count"] == 700


async def test_an_imported_list_that_was_deleted_meanwhile_is_told(import_file, finished, api, account, contacts):
    assert (await api.delete(f"/v3/contact_lists/{account.list_id}")).status == 202
    done = await finished(await import_file("email\nada@x.example\n"))
    assert done["activity_errors"] == [f"List {account.list_id} was not found"]
    assert (await contacts())["ada@x.example"]["list_memberships"] == []


async def test_a_file_that_vanished_fails_the_activity(import_file, finished, data):
    posted = await import_file("email\nada@x.example\n")
    for file in (data / "files").rglob("*"):
        if file.is_file():
            file.unlink()
    done = await finished(posted)
    assert (done["state"], done["activity_errors"]) == ("failed", ["The file could not be read"])
    assert "completed_at" in done


async def test_the_upload_is_gone_once_the_import_is_over(import_file, finished, data):
    done = await finished(await import_file("email\nada@x.example\n"))
    files = [file for file in (data / "files").rglob("*") if file.is_file()]
    assert [file for file in files if done["activity_id"] in str(file)] == []


async def test_somebody_who_becomes_known_during_the_chunk_is_updated_instead(
    import_file, finished, db, account, contacts
):
    posted = await import_file("email,first_name\nbo@x.example,Bo\nada@x.example,Ada\n")
    async with db.transaction() as conn:
        entered = consent.initial("Account", None, is_coi=False, now=clock_now.now_seconds())
        ada = StoredContact(
            contact_id=ContactId(new_id()), email_address="ada@x.example", email_key="ada@x.example",
            last_name="Lovelace", create_source="Account", created_at=clock_now.now_seconds(),
            updated_at=clock_now.now_seconds(),
        )  # fmt: skip
        ada.take_consent(entered)
        assert await stored.insert(conn, account.account_id, ada)
        importing = asyncio.create_task(runner.run_lane(db, account.account_id))
        await _someone_waits_for_a_lock(db)
    await importing
    assert (await finished(posted))["state"] == "completed"
    found = (await contacts())["ada@x.example"]
    assert (found["contact_id"], found["first_name"], found["last_name"]) == (str(ada.contact_id), "Ada", "Lovelace")
    assert found["list_memberships"] == [str(account.list_id)]


async def _someone_waits_for_a_lock(db: Db) -> None:
    async with db.reader() as conn:
        while not await one(conn, int, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.01)


async def _post_contact(
    api: Any, address: str, *, permission: str | None = None, lists: list[str] | None = None
) -> Any:
    body: dict[str, Any] = {"create_source": "Account", "email_address": {"address": address}}
    if permission:
        body["email_address"]["permission_to_send"] = permission
    if lists:
        body["list_memberships"] = lists
    made = await api.post("/v3/contacts", body)
    assert made.status == 201, made
    return made.body


async def _change(api: Any, number: int, list_id: Any) -> str:
    """5001 is unsubscribed, 5002 deleted, and 5003 taken off the list; returns the contact's id."""
    found = (await api.get("/v3/contacts", {"email": f"person{number:05}@x.example"})).body["contacts"][0]
    path, name = f"/v3/contacts/{found['contact_id']}", found["first_name"]
    if number == 5002:
        assert (await api.delete(path)).status == 204
        return str(found["contact_id"])
    email = {"address": found["email_address"]["address"]}
    body = {"update_source": "Account", "first_name": name, "email_address": email, "list_memberships": []}
    if number == 5001:
        email["permission_to_send"] = "unsubscribed"
    assert (await api.put(path, body)).status == 200
    return str(found["contact_id"])


async def _versions_by_id(db: Db) -> dict[str, str]:
    async with db.reader() as conn:
        found = await many(conn, str, "SELECT contact_id::text || ' ' || xmin::text || ctid::text FROM contacts")
    return dict(row.split(" ", 1) for row in found)


async def _versions(db: Db) -> list[str]:
    """What changes with each write to a row."""
    async with db.transaction() as conn:
        return await many(conn, str, "SELECT xmin::text || ctid::text || xmax::text FROM contacts ORDER BY contact_id")
