"""Reading activities. Source: contract, bulk-activities.md §1."""

from datetime import timedelta
from uuid import uuid4

from everpost.activities import runner


async def test_newest_come_first_in_pages_and_by_state(api, import_file, finished, clock):
    posted = []
    for number in range(3):
        posted.append((await import_file("email\n", name=f"{number}.csv")).body["activity_id"])
        clock.move(timedelta(seconds=1))
    page = await api.get("/v3/activities", {"limit": "2"})
    assert [each["activity_id"] for each in page.body["activities"]] == [posted[2], posted[1]]
    last = await api.get(page.body["_links"]["next"]["href"])
    assert [each["activity_id"] for each in last.body["activities"]] == [posted[0]]
    assert "_links" not in last.body
    waiting = await api.get("/v3/activities", {"state": "initialized"})
    assert len(waiting.body["activities"]) == 3
    assert (await api.get("/v3/activities", {"state": "completed"})).body == {"activities": []}


async def test_an_unknown_state_and_a_limit_out_of_range_are_400(api):
    for params, message in (
        ({"state": "done"}, "state does not have a valid value"),
        ({"limit": "501"}, "limit does not have a valid value"),
    ):
        answer = await api.get("/v3/activities", params)
        assert (400, message) == (answer.status, answer.error_message)


async def test_a_malformed_id_is_400_and_an_unknown_one_404(api, import_file, new_account, app, db):
    malformed = await api.get("/v3/activities/nonsense")
    assert (400, "contacts.api.not_found") == (malformed.status, malformed.error_key)
    assert malformed.error_message == "activity_id is in an invalid format."
    assert (await api.get(f"/v3/activities/{uuid4()}")).status == 404


async def test_activities_are_forgotten_after_ten_days(api, import_file, finished, db, clock):
    done = await finished(await import_file("email\nada@x.example\n"))
    clock.move(timedelta(days=10, seconds=1))
    later = await api.with_scopes("contact_data")
    assert (await later.get(f"/v3/activities/{done['activity_id']}")).status == 404
    assert (await later.get("/v3/activities")).body == {"activities": []}
    await runner.forget(db)
    async with db.reader() as conn:
        assert await conn.fetchval("SELECT count(*) FROM activities") == 0
