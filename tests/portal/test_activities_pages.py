"""The pages about bulk activities: list, bars, counters, problems, stopping, files."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from everpost.platform.db import Db, run
from tests.portal.window import Window
from tests.support.fixtures import Account, AccountApi

Work = Callable[[], Awaitable[int]]
UNKNOWN = "0193a1c2-0000-7000-8000-00000000dead"


async def _post(api: AccountApi, kind: str, body: dict[str, Any]) -> str:
    posted = await api.post(f"/v3/activities/{kind}", body)
    assert posted.status == 201, posted
    return str(posted.body["activity_id"])


async def test_an_empty_list_says_what_will_be_there(owner: Window) -> None:
    await owner.open("/activities")
    assert "Nothing was done in bulk yet" in owner.text


async def test_an_activity_is_followed_from_waiting_to_its_counters(
    owner: Window, api: AccountApi, account: Account, work: Work
) -> None:
    lists = {"list_ids": [str(account.list_id)]}
    activity_id = await _post(api, "remove_list_memberships", {"source": {"contact_ids": [UNKNOWN]}, **lists})
    await owner.open("/activities")
    for text in ("Remove contacts from lists", "Waiting", 'value="1"', "data-live", 'http-equiv="refresh"'):
        assert text in owner.page.text, text
    await work()
    await owner.open(f"/activities/{activity_id}")
    for text in ("Completed", "Selected", "Lists", f"Contact {UNKNOWN} was not found"):
        assert text in owner.text, text
    assert "data-live" not in owner.page.text
    assert "refresh" not in owner.page.text
    await owner.open("/activities")
    assert "1 problem" in owner.text


async def test_what_runs_can_be_stopped_and_keeps_what_it_did(
    owner: Window, api: AccountApi, account: Account, work: Work
) -> None:
    people = {"source": {"all_active_contacts": True}}
    activity_id = await _post(api, "add_list_memberships", {**people, "list_ids": [str(account.list_id)]})
    await owner.open(f"/activities/{activity_id}/cancel")
    assert "Stop this activity?" in owner.text
    await owner.press("Stop it")
    assert "The activity is stopped." in owner.text
    await work()
    body = (await api.get(f"/v3/activities/{activity_id}")).body
    assert ("cancelled", {}) == (body["state"], body["status"])
    assert "completed_at" in body
    assert body["percent_done"] < 100
    listed = (await api.get("/v3/activities", {"state": "cancelled"})).body["activities"]
    assert [activity_id] == [activity["activity_id"] for activity in listed]


async def test_what_is_over_cannot_be_stopped_any_more(
    owner: Window, api: AccountApi, account: Account, work: Work
) -> None:
    activity_id = await _post(api, "list_delete", {"list_ids": [str(account.list_id)]})
    await owner.open(f"/activities/{activity_id}/cancel")
    await work()
    await owner.press("Stop it")
    assert "It could not be stopped any more." in owner.text
    assert "Stop it" not in owner.text
    assert "completed" == (await api.get(f"/v3/activities/{activity_id}")).body["state"]


async def test_deletions_that_others_rely_on_offer_no_stop_while_they_run(
    owner: Window, api: AccountApi, account: Account, db: Db
) -> None:
    activity_id = await _post(api, "list_delete", {"list_ids": [str(account.list_id)]})
    await owner.open(f"/activities/{activity_id}")
    assert "Stop it" in owner.text
    async with db.transaction() as conn:
        await run(conn, "UPDATE activities SET state = 'processing', started_at = created_at")
    await owner.open(f"/activities/{activity_id}")
    assert "Running" in owner.text
    assert "Stop it" not in owner.text


async def test_files_are_downloaded_with_a_session(
    owner: Window, api: AccountApi, account: Account, work: Work
) -> None:
    exported = await _post(api, "contact_exports", {})
    imported = await api.post(
        "/v3/activities/contacts_file_import",
        data={"list_ids": str(account.list_id)},
        files={"file": ("people.csv", b"email\nnobody\nann@x.example\n")},
    )
    assert (await owner.client.get(f"/activities/{exported}/export")).status_code == 404
    await work()
    await owner.open(f"/activities/{exported}")
    assert "Download the export" in owner.text
    file = await owner.client.get(f"/activities/{exported}/export")
    assert (200, "text/csv; charset=utf-8") == (file.status_code, file.headers["content-type"])
    assert file.text.startswith("Email address,")
    await owner.open(f"/activities/{imported.body['activity_id']}")
    assert "people.csv" in owner.text
    assert "Download the rejected rows" in owner.text
    rejected = await owner.client.get(f"/activities/{imported.body['activity_id']}/rejected-rows")
    assert "nobody" in rejected.text


async def test_many_activities_are_paged_and_old_ones_gone(
    owner: Window, api: AccountApi, account: Account, db: Db, clock: Any
) -> None:
    activity_id = await _post(api, "list_delete", {"list_ids": [UNKNOWN]})
    async with db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO activities (account_id, activity_id, kind, state, percent_done, request, created_at,
                                       updated_at, completed_at)
               SELECT account_id, gen_random_uuid(), kind, 'completed', 100, request, created_at, updated_at, created_at
                 FROM activities CROSS JOIN generate_series(1, 50)""",
        )
    await owner.open("/activities")
    assert "Page 1 of 2" in owner.text
    await owner.open("/activities?page=2")
    assert owner.page.text.count('class="subject"') == 1
    clock.move(timedelta(days=10, seconds=1))
    assert (await api.get(f"/v3/activities/{activity_id}")).status in (401, 404)


async def test_only_who_may_change_contacts_of_the_account_sees_them(
    owner: Window, api: AccountApi, account: Account, open_window: Callable[[], Window], new_account: Any
) -> None:
    activity_id = await _post(api, "list_delete", {"list_ids": [UNKNOWN]})
    visitor = open_window()
    for path in ("/activities", f"/activities/{activity_id}", f"/activities/{activity_id}/export"):
        answer = await visitor.client.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login"), path
    assert (await owner.client.get(f"/activities/{UNKNOWN}")).status_code == 404
    assert (await owner.client.get("/activities/17")).status_code == 404
