"""Campaigns through their doors. Source: contract, campaigns.md §3.1-§3.6."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.oauth import tokens

INVALID, CONFLICT = "emails.api.validation.error", "emails.api.conflict"
NOT_FOUND, STATE = "emails.api.not_found", "emails.api.invalid_state"


def body(*activities: dict[str, Any], name: str = "Tide Table") -> dict[str, Any]:
    return {"name": name, "email_campaign_activities": list(activities)}


async def test_a_new_campaign_is_a_draft_with_two_activities_the_email_first(api: Any, email: Any, clock: Any) -> None:
    reply = await api.post("/v3/emails", body(email(), name="  Tide Table "))
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    created = reply.body
    activities = created.pop("campaign_activities")
    campaign_id = created.pop("campaign_id")
    assert (reply.status, created) == (
        200,
        {
            "name": "Tide Table",
            "current_status": "Draft",
            "type": "CUSTOM_CODE_EMAIL",
            "type_code": 26,
            "created_at": now,
            "updated_at": now,
        },
    )
    assert [activity["role"] for activity in activities] == ["primary_email", "permalink"]
    assert all(set(activity) == {"campaign_activity_id", "role"} for activity in activities)
    assert (await api.get(f"/v3/emails/{campaign_id}")).body == {
        "campaign_id": campaign_id,
        **created,
        "campaign_activities": activities,
    }


async def test_a_name_is_unique_whatever_its_case(api: Any, email: Any, new_campaign: Any) -> None:
    await new_campaign("Gift guide")
    reply = await api.post("/v3/emails", body(email(), name=" GIFT guide"))
    assert (reply.status, reply.error_key) == (409, CONFLICT)
    assert reply.error_message == "name is already used by another email campaign."


async def test_of_two_creates_at_once_with_one_name_one_wins(api: Any, email: Any) -> None:
    replies = await asyncio.gather(*(api.post("/v3/emails", body(email(), name="Race")) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]


async def test_a_removed_campaign_gives_its_name_back(api: Any, new_campaign: Any) -> None:
    first = await new_campaign("Again")
    assert (await api.delete(first.path)).status == 204
    assert (await new_campaign("Again")).campaign_id != first.campaign_id


async def test_all_problems_of_a_shape_are_told_at_once(api: Any, email: Any) -> None:
    activity = email(format_type=2, from_name="x" * 101)
    del activity["subject"]
    reply = await api.post("/v3/emails", body(activity, name="x" * 81))
    assert reply.status == 400
    assert reply.errors == [
        {"error_key": INVALID, "error_message": text}
        for text in (
            "name must not be longer than 80 characters.",
            "email_campaign_activities[0].format_type does not have a valid value",
            "email_campaign_activities[0].from_name must not be longer than 100 characters.",
            "email_campaign_activities[0].subject is required.",
        )
    ]


async def test_a_blank_text_is_told_with_what_is_missing(api: Any, email: Any) -> None:
    activity = email(subject=" ", html_content="\n")
    del activity["from_name"]
    reply = await api.post("/v3/emails", body(activity, name=" "))
    assert [error["error_message"] for error in reply.errors] == [
        "name must not be empty.",
        "email_campaign_activities[0].from_name is required.",
        "email_campaign_activities[0].subject must not be empty.",
        "email_campaign_activities[0].html_content must not be empty.",
    ]


async def test_lengths_count_characters_without_the_white_space_around_them(api: Any, email: Any) -> None:
    html = " " + "é" * 149_998 + "\n"
    activity = email(
        subject=f" {'😀' * 200}\n", from_name=f"{'é' * 100}  ", preheader=f" {'x' * 200}", html_content=html
    )
    reply = await api.post("/v3/emails", body(activity, name=f" {'n' * 80} "))
    assert (200, "n" * 80) == (reply.status, reply.body["name"]), reply
    activity_id = reply.body["campaign_activities"][0]["campaign_activity_id"]
    stored = (await api.get(f"/v3/emails/activities/{activity_id}", {"include": "html_content"})).body
    assert ("😀" * 200, "é" * 100, "x" * 200, html) == (
        stored["subject"],
        stored["from_name"],
        stored["preheader"],
        stored["html_content"],
    )
    renamed = await api.patch(f"/v3/emails/{reply.body['campaign_id']}", {"name": f"\t{'m' * 80} "})
    assert (200, "m" * 80) == (renamed.status, renamed.body["name"])


PATH = "email_campaign_activities[0]."


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"from_email": "other@harborlane.example"}, ["from_email is not a confirmed email address of this account."]),
        (
            {"reply_to_email": "other@harborlane.example"},
            ["reply_to_email is not a confirmed email address of this account."],
        ),
        ({"html_content": "<p>${name}</p>"}, ['html_content must not contain "${".']),
        (
            {"html_content": "[#if a]<@b>"},
            ['html_content must not contain "[#".', 'html_content must not contain "<@".'],
        ),
        ({"html_content": " \n"}, ["html_content must not be empty."]),
        ({"subject": "   "}, ["subject must not be empty."]),
        ({"subject": "a\r\nBcc: b"}, ["subject does not have a valid value"]),
        ({"from_name": "a\nb"}, ["from_name does not have a valid value"]),
        ({"preheader": "x" * 201}, ["preheader must not be longer than 200 characters."]),
        ({"subject": "x" * 201}, ["subject must not be longer than 200 characters."]),
        ({"html_content": "x" * 150_001}, ["html_content must not be longer than 150000 characters."]),
        ({"html_content": "😀" * 110_000}, ["html_content must not be larger than 409600 bytes."]),
        (
            {"html_content": "<div>" * 300},
            ["html_content is too complex: it has too many elements, or they are nested too deep."],
        ),
        ({"html_content": None}, ["html_content is required."]),
        ({"format_type": 3}, ["format_type does not have a valid value"]),
        ({"format_type": "5"}, ["format_type does not have a valid value"]),
        ({"from_email": ""}, ["from_email must not be empty."]),
        ({"format_type": 1, "html_content": "<Greeting/>"}, ["html_content must not be empty."]),
        (
            {"physical_address_in_footer": {"city": "Portland", "country_code": "US"}},
            [
                "physical_address_in_footer.organization_name is required.",
                "physical_address_in_footer.address_line1 is required.",
                "physical_address_in_footer.state_code is required.",
            ],
        ),
    ],
)
async def test_an_email_that_is_not_acceptable_is_refused(
    api: Any, email: Any, changes: dict[str, Any], messages: list[str]
) -> None:
    reply = await api.post("/v3/emails", body(email(**changes)))
    assert reply.status == 400
    assert reply.errors == [{"error_key": INVALID, "error_message": PATH + message} for message in messages]
    assert (await api.get("/v3/emails")).body == {"campaigns": []}


@pytest.mark.parametrize(
    ("sent", "key", "message"),
    [
        ("null", "emails.api.json.malformed", "The request body is not valid JSON."),
        ("[]", "emails.api.json.malformed", "The request body is not valid JSON."),
        ("{", "emails.api.json.malformed", "The request body is not valid JSON."),
        ('{"name":"x"}', INVALID, "email_campaign_activities is required."),
        ('{"name":"x","email_campaign_activities":[]}', INVALID, "email_campaign_activities must not be empty."),
        ('{"name":3,"email_campaign_activities":null}', INVALID, "name does not have a valid value"),
    ],
)
async def test_a_body_of_another_shape_is_refused(api: Any, sent: str, key: str, message: str) -> None:
    reply = await api.post("/v3/emails", content=sent)
    assert (reply.status, reply.error_key, reply.error_message) == (400, key, message)


async def test_a_second_activity_is_refused(api: Any, email: Any) -> None:
    reply = await api.post("/v3/emails", body(email(), email()))
    assert reply.status == 400
    assert reply.error_message == "email_campaign_activities must not have more than 1 items."


async def test_sender_addresses_match_whatever_their_case(api: Any, account: Any, email: Any) -> None:
    assert (await api.post("/v3/emails", body(email(from_email=account.email.upper())))).status == 200


async def test_an_audience_in_a_new_campaign_is_ignored(api: Any, email: Any, account: Any) -> None:
    reply = await api.post("/v3/emails", body(email(contact_list_ids=[str(account.list_id)])))
    activity_id = reply.body["campaign_activities"][0]["campaign_activity_id"]
    assert (await api.get(f"/v3/emails/activities/{activity_id}")).body["contact_list_ids"] == []


async def test_legacy_custom_code_is_stored_in_the_present_format(api: Any, new_campaign: Any) -> None:
    legacy = (
        '<?xml version="1.0"?><html xmlns:cctd="http://x"><body><OpenTracking/><Greeting/>'
        "<CustomBlock name='a'><p>Hi</p></CustomBlock><CopyRight>(c)</CopyRight>"
        "<SimpleURLProperty href='u'><a href='http://u.example'>u</a></SimpleURLProperty></body></html>"
    )
    campaign = await new_campaign(format_type=1, html_content=legacy)
    found = (await api.get(campaign.activity, {"include": "html_content"})).body
    assert (found["format_type"], found["html_content"]) == (
        5,
        "<html><body>[[trackingImage]]<p>Hi</p>(c)<a href='http://u.example'>u</a></body></html>",
    )


async def test_an_editor_document_keeps_its_html_to_itself(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign(format_type=4)
    found = (await api.get(campaign.activity, {"include": "html_content"})).body
    shown = (await api.get(campaign.path)).body
    assert (found["format_type"], "html_content" in found) == (4, False)
    assert (shown["type"], shown["type_code"]) == ("NEWSLETTER", 10)
    assert shown["campaign_activities"][0]["document_id"] == found["document_id"]


async def test_the_collection_pages_by_the_last_change_newest_first(api: Any, new_campaign: Any, clock: Any) -> None:
    names = ["One", "Two", "Three", "Four", "Five"]
    for name in names:
        await new_campaign(name)
        clock.move(timedelta(seconds=1))
    first = await api.get("/v3/emails", {"limit": 2})
    second = await api.get(first.body["_links"]["next"]["href"])
    third = await api.get(second.body["_links"]["next"]["href"])
    pages = [[campaign["name"] for campaign in reply.body["campaigns"]] for reply in (first, second, third)]
    assert pages == [["Five", "Four"], ["Three", "Two"], ["One"]]
    assert "_links" not in third.body
    assert "campaign_activities" not in first.body["campaigns"][0]


async def test_campaigns_changed_in_one_moment_are_paged_once_each(api: Any, new_campaign: Any, clock: Any) -> None:
    for number in range(5):
        await new_campaign(f"Number {number}")
    reply = await api.get("/v3/emails", {"limit": 2})
    seen = [campaign["name"] for campaign in reply.body["campaigns"]]
    while "_links" in reply.body:
        reply = await api.get(reply.body["_links"]["next"]["href"])
        seen += [campaign["name"] for campaign in reply.body["campaigns"]]
    assert sorted(seen) == [f"Number {number}" for number in range(5)]


async def test_date_filters_leave_out_the_moment_they_name(api: Any, new_campaign: Any, clock: Any) -> None:
    for name in ("Old", "Middle", "New"):
        campaign = await new_campaign(name)
        if name == "Middle":
            moment = (await api.get(campaign.path)).body["updated_at"]
        clock.move(timedelta(milliseconds=1))

    async def names(**filters: str) -> list[str]:
        return [campaign["name"] for campaign in (await api.get("/v3/emails", filters)).body["campaigns"]]

    assert await names(after_date=moment) == ["New"]
    assert await names(before_date=moment) == ["Old"]
    assert await names(after_date=moment, before_date=moment) == []


async def test_the_collection_shows_removed_campaigns(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    await api.delete(campaign.path)
    assert [found["current_status"] for found in (await api.get("/v3/emails")).body["campaigns"]] == ["Removed"]
    assert (await api.get(campaign.path)).body["current_status"] == "Removed"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"after_date": "x"}, {"cursor": "x"}])
async def test_a_query_that_cannot_be_read_is_refused(api: Any, query: dict[str, Any]) -> None:
    reply = await api.get("/v3/emails", query)
    (name,) = query
    assert (reply.status, reply.error_key) == (400, INVALID)
    assert reply.error_message == f"{name} does not have a valid value"


async def test_a_cursor_of_another_account_is_refused(api: Any, new_campaign: Any, new_account: Any, db: Any) -> None:
    await new_campaign("One")
    await new_campaign("Two")
    href = (await api.get("/v3/emails", {"limit": 1})).body["_links"]["next"]["href"]
    await new_account("stranger@elsewhere.example")
    token = await tokens.mint_for_command_line(db, "stranger@elsewhere.example", ["campaign_data"])
    assert (await api.with_token(token).get(href)).status == 400


async def test_renaming_moves_updated_at_and_nothing_else(api: Any, new_campaign: Any, clock: Any) -> None:
    campaign = await new_campaign("Before")
    before = (await api.get(campaign.path)).body
    clock.move(timedelta(minutes=1))
    after = await api.patch(campaign.path, {"name": " After ", "current_status": "Done"})
    assert after.status == 200
    assert after.body == {**before, "name": "After", "updated_at": after.body["updated_at"]}
    assert after.body["updated_at"] > before["updated_at"]


async def test_renaming_to_its_own_name_changes_nothing(api: Any, new_campaign: Any, clock: Any) -> None:
    campaign = await new_campaign("Same")
    before = (await api.get(campaign.path)).body
    clock.move(timedelta(minutes=1))
    reply = await api.patch(campaign.path, {"name": "Same"})
    assert (reply.status, reply.body) == (200, before)


async def test_a_name_that_is_taken_cannot_be_given(api: Any, new_campaign: Any) -> None:
    await new_campaign("Taken")
    reply = await api.patch((await new_campaign("Free")).path, {"name": "taken"})
    assert (reply.status, reply.errors) == (
        409,
        [{"error_key": CONFLICT, "error_message": "name is already used by another email campaign."}],
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "name is required."),
        ({"name": None}, "name is required."),
        ({"name": "  "}, "name must not be empty."),
        ({"name": "x" * 81}, "name must not be longer than 80 characters."),
    ],
)
async def test_a_bad_name_is_refused(api: Any, new_campaign: Any, sent: dict[str, Any], message: str) -> None:
    reply = await api.patch((await new_campaign()).path, sent)
    assert (reply.status, reply.error_key, reply.error_message) == (400, INVALID, message)


async def test_a_removed_campaign_cannot_be_renamed_or_removed_again(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    await api.delete(campaign.path)
    renamed = await api.patch(campaign.path, {"name": "New"})
    removed = await api.delete(campaign.path)
    assert (renamed.status, renamed.error_key) == (409, STATE)
    assert renamed.error_message == "Campaign is Removed; it can no longer be renamed."
    assert (removed.status, removed.error_key) == (404, NOT_FOUND)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_id_is_404_and_a_malformed_one_400(api: Any, method: str) -> None:
    options = {"json": {"name": "x"}} if method == "PATCH" else {}
    unknown = await api.request(method, f"/v3/emails/{uuid4()}", **options)
    malformed = await api.request(method, "/v3/emails/17", **options)
    assert (unknown.status, unknown.errors) == (
        404,
        [{"error_key": NOT_FOUND, "error_message": "The requested resource was not found."}],
    )
    assert (malformed.status, malformed.errors) == (
        400,
        [{"error_key": NOT_FOUND, "error_message": "campaign_id is in an invalid format."}],
    )


async def test_a_bad_body_counts_before_an_unknown_id(api: Any) -> None:
    reply = await api.patch(f"/v3/emails/{uuid4()}", {"name": ""})
    assert (reply.status, reply.error_key) == (400, INVALID)


async def test_campaigns_are_found_by_number(api: Any, new_campaign: Any) -> None:
    campaigns = [await new_campaign(f"Number {number}") for number in range(3)]
    await api.delete(campaigns[2].path)
    reply = await api.get("/v3/emails/campaign_id_xrefs", {"v2_email_campaign_ids": "3,01,99"})
    assert (reply.status, reply.body) == (
        200,
        {
            "xrefs": [
                {
                    "v2_email_campaign_id": str(number),
                    "campaign_id": campaigns[number - 1].campaign_id,
                    "campaign_activity_id": campaigns[number - 1].activity_id,
                }
                for number in (1, 3)
            ]
        },
    )
    for unknown in ("77", "0", "9" * 30):
        found = await api.get("/v3/emails/campaign_id_xrefs", {"v2_email_campaign_ids": unknown})
        assert (found.status, found.body) == (200, {"xrefs": []})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "v2_email_campaign_ids is required."),
        ({"v2_email_campaign_ids": ""}, "v2_email_campaign_ids must not be empty."),
        ({"v2_email_campaign_ids": "1,x"}, "v2_email_campaign_ids does not have a valid value"),
        (
            {"v2_email_campaign_ids": ",".join(map(str, range(51)))},
            "v2_email_campaign_ids must not have more than 50 items.",
        ),
    ],
)
async def test_numbers_that_cannot_be_read_are_refused(api: Any, query: dict[str, str], message: str) -> None:
    reply = await api.get("/v3/emails/campaign_id_xrefs", query)
    assert (reply.status, reply.error_key, reply.error_message) == (400, INVALID, message)


async def test_another_account_sees_nothing(api: Any, new_campaign: Any, new_account: Any, db: Any) -> None:
    campaign = await new_campaign()
    await new_account("stranger@elsewhere.example")
    stranger = api.with_token(await tokens.mint_for_command_line(db, "stranger@elsewhere.example", ["campaign_data"]))
    for path in (campaign.path, campaign.activity, campaign.schedules, f"{campaign.activity}/send_history"):
        assert (await stranger.get(path)).status == 404
    assert (await stranger.delete(campaign.path)).status == 404
    assert (await stranger.get("/v3/emails")).body == {"campaigns": []}


async def test_a_creator_may_write_but_neither_send_nor_delete(api: Any, new_campaign: Any, account: Any) -> None:
    campaign = await new_campaign()
    creator = await api.as_role("campaign_creator")
    assert (await creator.patch(campaign.path, {"name": "Theirs"})).status == 200
    refused = [
        await creator.delete(campaign.path),
        await creator.post(campaign.schedules, {"scheduled_date": "0"}),
        await creator.delete(campaign.schedules),
        await creator.post(f"{campaign.activity}/tests", {"email_addresses": [account.email]}),
    ]
    for reply in refused:
        assert (reply.status, reply.body) == (
            403,
            {
                "error_key": "access_denied",
                "error_message": "Request forbidden due to insufficient user privileges.",
            },
        )


async def test_a_token_without_the_scope_is_refused(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    other = await api.with_scopes("contact_data")
    reply = await other.get(campaign.path)
    assert (reply.status, reply.body["error_message"]) == (403, "Request forbidden due to insufficient scope.")
