"""Content and audience of an email through their doors. Source: contract, campaigns.md §3.7, §3.8."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.platform.db import run

INVALID, STATE, NOT_FOUND = "emails.api.validation.error", "emails.api.invalid_state", "emails.api.not_found"

FOOTER = {
    "organization_name": "Harbor Lane Annex",
    "address_line1": "5 Quay",
    "city": "Portland",
    "state_code": "ME",
    "postal_code": "04101",
    "country_code": "US",
}
SHOWN_FOOTER = {**FOOTER, "state_name": "Maine", "country_name": "United States"}


@pytest.fixture
def lines(account: Any) -> dict[str, Any]:
    """The required members of a change."""
    return {
        "from_name": "Harbor Lane",
        "from_email": account.email,
        "reply_to_email": account.email,
        "subject": "Changed",
    }


async def test_an_activity_shows_its_default_members(api: Any, account: Any, new_campaign: Any) -> None:
    campaign = await new_campaign(preheader="Signed copies", subject=" Nine new arrivals ")
    assert (await api.get(campaign.activity)).body == {
        "campaign_activity_id": campaign.activity_id,
        "campaign_id": campaign.campaign_id,
        "role": "primary_email",
        "contact_list_ids": [],
        "segment_ids": [],
        "current_status": "DRAFT",
        "format_type": 5,
        "from_email": account.email,
        "from_name": "Harbor Lane Books",
        "reply_to_email": account.email,
        "subject": "Nine new arrivals",
        "preheader": "Signed copies",
    }


async def test_the_permalink_shows_the_same_headers_and_no_audience(api: Any, account: Any, new_campaign: Any) -> None:
    campaign = await new_campaign(lists=[account.list_id])
    primary = (await api.get(campaign.activity)).body
    permalink = (await api.get(campaign.permalink)).body
    assert permalink == {
        **primary,
        "campaign_activity_id": campaign.permalink_id,
        "role": "permalink",
        "contact_list_ids": [],
    }


async def test_sub_resources_come_only_when_asked_for(api: Any, email: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    everything = "html_content,permalink_url,physical_address_in_footer,document_properties"
    plain = (await api.get(campaign.activity)).body
    one_value = (await api.get(campaign.activity, {"include": everything})).body
    repeated = (await api.get(campaign.activity, [("include", name) for name in everything.split(",")])).body
    assert one_value == repeated
    assert set(one_value) - set(plain) == {"html_content", "physical_address_in_footer"}
    assert one_value["html_content"] == email()["html_content"]
    assert one_value["physical_address_in_footer"]["organization_name"] == "Harbor Lane Books"


async def test_an_unknown_include_is_refused(api: Any, new_campaign: Any) -> None:
    reply = await api.get((await new_campaign()).activity, {"include": "html_content,body"})
    assert (reply.status, reply.errors) == (
        400,
        [{"error_key": INVALID, "error_message": "include does not have a valid value"}],
    )


async def test_a_change_clears_what_it_leaves_out_but_keeps_the_html(
    api: Any, account: Any, new_campaign: Any, lines: Any, email: Any
) -> None:
    campaign = await new_campaign(lists=[account.list_id], preheader="Gone soon")
    reply = await api.put(campaign.activity, lines)
    assert reply.status == 200
    assert (reply.body["subject"], reply.body["contact_list_ids"]) == ("Changed", [])
    assert "preheader" not in reply.body
    assert "html_content" not in reply.body
    stored = (await api.get(campaign.activity, {"include": "html_content"})).body
    assert stored["html_content"] == email()["html_content"]


async def test_a_change_answers_with_the_sub_resources_it_brought(api: Any, new_campaign: Any, lines: Any) -> None:
    campaign = await new_campaign()
    reply = await api.put(
        campaign.activity, {**lines, "html_content": "<p>New</p>", "physical_address_in_footer": FOOTER}
    )
    assert reply.body["html_content"] == "<p>New</p>"
    assert reply.body["physical_address_in_footer"] == SHOWN_FOOTER


async def test_the_body_of_a_get_can_be_sent_back(api: Any, account: Any, new_campaign: Any) -> None:
    campaign = await new_campaign(lists=[account.list_id], preheader="Stays")
    everything = {"include": "html_content,permalink_url,physical_address_in_footer"}
    before = (await api.get(campaign.activity, everything)).body
    reply = await api.put(campaign.activity, {**before, "permalink_url": "x", "unknown": {"a": 1}, "segment_ids": None})
    assert reply.status == 200, reply
    assert (await api.get(campaign.activity, everything)).body == before


async def test_the_footer_address_is_merged_by_member(api: Any, new_campaign: Any, lines: Any) -> None:
    campaign = await new_campaign(physical_address_in_footer=FOOTER)

    async def change(**members: Any) -> Any:
        reply = await api.put(campaign.activity, {**lines, "physical_address_in_footer": members})
        assert reply.status == 200, reply
        return reply.body["physical_address_in_footer"]

    assert await change(address_line2="2nd floor") == {**SHOWN_FOOTER, "address_line2": "2nd floor"}
    assert await change(city="Bath", address_line2="", address_optional=None) == {**SHOWN_FOOTER, "city": "Bath"}
    # Names that follow from codes are read-only: whatever is sent for them counts for nothing.
    assert await change(state_name=["Kent"], country_name=5) == {**SHOWN_FOOTER, "city": "Bath"}
    kept = await api.put(campaign.activity, lines)
    assert kept.status == 200
    included = await api.get(campaign.activity, {"include": "physical_address_in_footer"})
    assert included.body["physical_address_in_footer"] == {**SHOWN_FOOTER, "city": "Bath"}


@pytest.mark.parametrize(
    ("members", "messages"),
    [
        (
            {"city": "Bath"},
            ["organization_name is required.", "address_line1 is required.", "country_code is required."],
        ),
        ({**FOOTER, "country_code": "XX"}, ["country_code does not have a valid value"]),
        ({**FOOTER, "country_code": "us"}, ["country_code does not have a valid value"]),
        ({**FOOTER, "state_code": ""}, ["state_code is required."]),
        ({**FOOTER, "state_code": "Maine"}, ["state_code does not have a valid value"]),
        ({**FOOTER, "country_code": "CA", "state_code": "Ontario"}, ["state_code does not have a valid value"]),
    ],
)
async def test_a_footer_address_that_cannot_be_printed_is_refused(
    api: Any, new_campaign: Any, lines: Any, members: Any, messages: list[str]
) -> None:
    reply = await api.put((await new_campaign()).activity, {**lines, "physical_address_in_footer": members})
    assert reply.status == 400
    assert [error["error_message"] for error in reply.errors] == [
        f"physical_address_in_footer.{message}" for message in messages
    ]


async def test_a_footer_address_outside_the_united_states_needs_no_state(
    api: Any, new_campaign: Any, lines: Any
) -> None:
    address = {
        "organization_name": "Hafen",
        "address_line1": "Kai 1",
        "country_code": "DE",
        "state_non_us_name": "Hamburg",
    }
    reply = await api.put((await new_campaign()).activity, {**lines, "physical_address_in_footer": address})
    assert reply.body["physical_address_in_footer"] == {**address, "country_name": "Germany"}


async def test_a_footer_address_that_moves_abroad_leaves_its_state_behind(
    api: Any, new_campaign: Any, lines: Any
) -> None:
    campaign = await new_campaign()
    moved = {**FOOTER, "country_code": "DE", "state_non_us_name": "Hamburg"}
    reply = await api.put(campaign.activity, {**lines, "physical_address_in_footer": moved})
    assert reply.body["physical_address_in_footer"] == {**moved, "country_name": "Germany"}
    preview = (await api.get(f"{campaign.activity}/previews")).body["preview_text_content"]
    assert f", Hamburg {FOOTER['postal_code']} Germany" in preview


async def test_a_list_named_twice_is_kept_once(api: Any, account: Any, new_campaign: Any, lines: Any) -> None:
    body = {**lines, "contact_list_ids": [str(account.list_id), str(account.list_id).upper()]}
    reply = await api.put((await new_campaign()).activity, body)
    assert reply.body["contact_list_ids"] == [str(account.list_id)]


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"subject": None}, ["subject is required."]),
        ({"from_email": None, "from_name": None}, ["from_name is required.", "from_email is required."]),
        ({"subject": " "}, ["subject must not be empty."]),
        ({"preheader": "x" * 201}, ["preheader must not be longer than 200 characters."]),
        ({"from_email": "new@harborlane.example"}, ["from_email is not a confirmed email address of this account."]),
        ({"html_content": "${x}"}, ['html_content must not contain "${".']),
        ({"html_content": "x" * 409_601}, ["html_content must not be larger than 409600 bytes."]),
        ({"html_content": ""}, ["html_content must not be empty."]),
        (
            {"html_content": "".join(f"<p><b id={number}>" for number in range(20_000))},
            ["html_content is too complex: it has too many elements, or they are nested too deep."],
        ),
        (
            {"html_content": "<a " * 100_000},
            ["html_content is too complex: it has too many elements, or they are nested too deep."],
        ),
        ({"contact_list_ids": ["17"]}, ["contact_list_ids[0] does not have a valid value"]),
        ({"contact_list_ids": "17"}, ["contact_list_ids does not have a valid value"]),
        ({"segment_ids": [1, 2]}, ["segment_ids must not have more than 1 items."]),
        ({"segment_ids": [7]}, ["segment_ids contains an unknown segment id: 7."]),
        ({"segment_ids": ["7"]}, ["segment_ids contains an unknown segment id: 7."]),
        ({"segment_ids": ["seven"]}, ["segment_ids[0] does not have a valid value"]),
    ],
)
async def test_a_change_that_is_not_acceptable_is_refused(
    api: Any, new_campaign: Any, lines: Any, changes: dict[str, Any], messages: list[str]
) -> None:
    campaign = await new_campaign()
    before = (await api.get(campaign.activity)).body
    reply = await api.put(campaign.activity, {**lines, **changes})
    assert reply.status == 400
    assert reply.errors == [{"error_key": INVALID, "error_message": message} for message in messages]
    assert (await api.get(campaign.activity)).body == before


async def test_lines_are_looked_at_before_the_activity(api: Any, lines: Any) -> None:
    unknown = f"/v3/emails/activities/{uuid4()}"
    assert (await api.put(unknown, lines)).status == 404
    reply = await api.put(
        unknown, {**lines, "subject": " ", "from_name": "a\nb", "from_email": "new@harborlane.example"}
    )
    assert reply.status == 400
    assert [error["error_message"] for error in reply.errors] == [
        "from_name does not have a valid value",
        "subject must not be empty.",
    ]


async def test_a_large_body_is_taken_by_a_change(api: Any, new_campaign: Any, lines: Any) -> None:
    reply = await api.put((await new_campaign()).activity, {**lines, "html_content": "x" * 409_600})
    assert (reply.status, len(reply.body["html_content"])) == (200, 409_600)


async def test_lists_and_a_segment_together_are_refused(api: Any, account: Any, new_campaign: Any, lines: Any) -> None:
    body = {**lines, "contact_list_ids": [str(account.list_id)], "segment_ids": [7]}
    reply = await api.put((await new_campaign()).activity, body)
    assert reply.status == 400
    assert reply.error_message == "contact_list_ids and segment_ids must not be set together."


async def test_unknown_deleted_and_foreign_lists_are_refused(
    api: Any, account: Any, new_campaign: Any, new_account: Any, lines: Any, db: Any, clock: Any
) -> None:
    unknown, foreign = uuid4(), (await new_account("stranger@elsewhere.example")).list_id
    campaign = await new_campaign()
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE contact_lists SET deleted_at = :now WHERE account_id = :account_id AND list_id = :list_id",
            now=clock.now(),
            account_id=account.account_id,
            list_id=account.list_id,
        )
    list_ids = [str(unknown), str(foreign), str(account.list_id)]
    reply = await api.put(campaign.activity, {**lines, "contact_list_ids": list_ids})
    assert reply.status == 400
    assert reply.errors == [
        {"error_key": INVALID, "error_message": f"contact_list_ids contains an unknown list id: {list_id}."}
        for list_id in list_ids
    ]


async def test_only_the_primary_email_can_be_changed(api: Any, new_campaign: Any, lines: Any) -> None:
    reply = await api.put((await new_campaign()).permalink, lines)
    assert (reply.status, reply.error_key) == (400, STATE)
    assert reply.error_message == "Campaign activity has the role permalink; the operation needs the primary_email."


async def test_a_scheduled_email_cannot_be_changed(api: Any, account: Any, new_campaign: Any, lines: Any) -> None:
    campaign = await new_campaign(lists=[account.list_id])
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    reply = await api.put(campaign.activity, lines)
    assert (reply.status, reply.error_key) == (400, STATE)
    assert reply.error_message == "Campaign activity is SCHEDULED; delete its schedule first."


async def test_a_change_moves_the_campaigns_updated_at(api: Any, new_campaign: Any, lines: Any, clock: Any) -> None:
    campaign = await new_campaign()
    before = (await api.get(campaign.path)).body["updated_at"]
    clock.move(timedelta(seconds=5))
    await api.put(campaign.activity, lines)
    assert (await api.get(campaign.path)).body["updated_at"] > before


async def test_two_changes_at_once_lose_no_member_of_the_address(api: Any, new_campaign: Any, lines: Any) -> None:
    campaign = await new_campaign(physical_address_in_footer=FOOTER)
    members = [{"address_line2": "Floor 2"}, {"address_line3": "Room 3"}, {"address_optional": "Ring twice"}]
    replies = await asyncio.gather(
        *(api.put(campaign.activity, {**lines, "physical_address_in_footer": member}) for member in members)
    )
    assert [reply.status for reply in replies] == [200, 200, 200]
    stored = await api.get(campaign.activity, {"include": "physical_address_in_footer"})
    assert stored.body["physical_address_in_footer"] == {
        **SHOWN_FOOTER,
        "address_line2": "Floor 2",
        "address_line3": "Room 3",
        "address_optional": "Ring twice",
    }


@pytest.mark.parametrize("door", ["", "/schedules", "/previews", "/send_history"])
async def test_activities_that_do_not_exist(api: Any, new_campaign: Any, door: str) -> None:
    campaign = await new_campaign()
    await api.delete(campaign.path)
    for path in (campaign.activity, f"/v3/emails/activities/{uuid4()}"):
        reply = await api.get(path + door)
        assert (reply.status, reply.errors) == (
            404,
            [{"error_key": NOT_FOUND, "error_message": "The requested resource was not found."}],
        )
    malformed = await api.get(f"/v3/emails/activities/zz{door}")
    assert (malformed.status, malformed.errors) == (
        400,
        [{"error_key": NOT_FOUND, "error_message": "campaign_activity_id is in an invalid format."}],
    )
