"""The statistics reports: many campaigns in one call, and what fails it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.ids import CampaignActivityId, ContactId, new_id
from everpost.platform.db import run
from everpost.reports.percents import percent
from tests.reports.conftest import Mail

pytestmark = pytest.mark.anyio

NewMail = Callable[..., Awaitable[Mail]]
CAMPAIGNS = "/v3/reports/stats/email_campaigns"
ACTIVITIES = "/v3/reports/stats/email_campaign_activities"
NO_CAMPAIGNS = [
    {
        "error_key": "reportingsvc.not_found.invalid_path_param.campaign_ids.",
        "error_message": "Could not find any campaign stats for all requested campaigns.",
    }
]
NO_ACTIVITIES = [
    {
        "error_key": "reportingsvc.not_found.invalid_path_param.campaign_activity_ids.",
        "error_message": "Could not find any campaign activity stats for all requested campaign activities.",
    }
]


async def send(mail: Mail, count: int = 1) -> None:
    await mail.send({ContactId(new_id()): f"reader{n}@reader.example" for n in range(count)})


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        *((0, 0, 0.0), (1, 0, 0.0), (1, 3, 33.3), (2, 3, 66.7), (1, 16, 6.3), (1, 400, 0.3), (1, 2001, 0.0)),
        *((3, 2, 100.0), (1, 800, 0.1), (7, 7, 100.0), (1, 2000, 0.1), (999, 1000, 99.9)),
    ],
)
def test_percentages_are_rounded_half_up_to_one_decimal(part: int, whole: int, expected: float) -> None:
    assert expected == percent(part, whole)


async def test_campaigns_come_in_the_order_asked_for_and_once(api: Any, new_mail: NewMail) -> None:
    one, other = await new_mail("One"), await new_mail("Other")
    await send(one)
    await send(other, 2)
    ids = [str(other.campaign_id), str(one.campaign_id).upper(), str(other.campaign_id)]
    answer = await api.get(f"{CAMPAIGNS}/{'%2C'.join(ids)}")
    assert [(str(other.campaign_id), 2), (str(one.campaign_id), 1)] == [
        (each["campaign_id"], each["stats"]["em_sends"]) for each in answer.body["results"]
    ]


async def test_a_campaign_that_was_never_sent_is_an_error_beside_the_others(api: Any, new_mail: NewMail) -> None:
    sent, unsent = await new_mail("Sent"), await new_mail("Unsent")
    await send(sent)
    answer = await api.get(f"{CAMPAIGNS}/{unsent.campaign_id},{sent.campaign_id}")
    assert 200 == answer.status
    assert [str(sent.campaign_id)] == [each["campaign_id"] for each in answer.body["results"]]
    assert [
        {
            "error_key": "reportingsvc.not_found.invalid_path_param.campaign_ids.",
            "error_message": f"No stats found for campaign_id {unsent.campaign_id}.",
        }
    ] == answer.body["errors"]


async def test_one_unknown_or_malformed_campaign_fails_the_call(api: Any, mail: Mail) -> None:
    await send(mail)
    for wrong in (str(new_id()), "not-an-id", str(mail.activity_id), "", str(mail.campaign_id)[:-1]):
        answer = await api.get(f"{CAMPAIGNS}/{mail.campaign_id},{wrong}")
        assert (404, NO_CAMPAIGNS) == (answer.status, answer.body)


async def test_only_unsent_campaigns_are_not_found(api: Any, mail: Mail) -> None:
    answer = await api.get(f"{CAMPAIGNS}/{mail.campaign_id}")
    assert (404, NO_CAMPAIGNS) == (answer.status, answer.body)


async def test_too_many_ids_are_refused(api: Any) -> None:
    for path, name, most in ((CAMPAIGNS, "campaign_ids", 150), (ACTIVITIES, "campaign_activity_ids", 10)):
        answer = await api.get(f"{path}/{','.join(str(new_id()) for _ in range(most + 1))}")
        assert (400, "reportingsvc.validation.error", f"{name} does not have a valid value") == (
            answer.status,
            answer.error_key,
            answer.error_message,
        )


async def test_activities_that_cannot_be_reported_on_are_errors_that_name_them(api: Any, new_mail: NewMail) -> None:
    sent, unsent, removed = [await new_mail(name) for name in ("Sent", "Unsent", "Removed")]
    await send(sent)
    await send(removed)
    assert 204 == (await api.delete(f"/v3/emails/{removed.campaign_id}")).status
    unknown = [CampaignActivityId(new_id()), unsent.activity_id, removed.activity_id, sent.permalink_id]
    answer = await api.get(f"{ACTIVITIES}/{','.join(map(str, [*unknown, sent.activity_id]))}")
    assert 200 == answer.status
    assert [
        {
            "error_key": "reportingsvc.not_found.invalid_path_param.campaign_activity_ids.",
            "error_message": f"No stats found for campaign_activity_id {each}.",
        }
        for each in unknown
    ] == answer.body["errors"]
    assert [str(sent.activity_id)] == [each["campaign_activity_id"] for each in answer.body["results"]]


async def test_only_unknown_activities_are_an_empty_answer(api: Any) -> None:
    answer = await api.get(f"{ACTIVITIES}/{new_id()}")
    assert (200, [], 1) == (answer.status, answer.body["results"], len(answer.body["errors"]))


async def test_a_malformed_activity_fails_the_call(api: Any, mail: Mail) -> None:
    await send(mail)
    answer = await api.get(f"{ACTIVITIES}/{mail.activity_id},nonsense")
    assert (404, NO_ACTIVITIES) == (answer.status, answer.body)


async def test_a_campaign_counts_each_contact_once_over_its_send_and_its_resend(api: Any, mail: Mail) -> None:
    """Two got both, one opened both, one bounced on the second."""
    one, other, third = [ContactId(new_id()) for _ in range(3)]
    resend_id = CampaignActivityId(new_id())
    async with mail.db.transaction() as conn:
        await run(
            conn,
            """
            INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
            VALUES (:account_id, :resend_id, :campaign_id, 'resend')""",
            account_id=mail.account_id,
            resend_id=resend_id,
            campaign_id=mail.campaign_id,
        )
    await mail.send({person: f"{person}@reader.example" for person in (one, other, third)})
    await mail.send({person: f"{person}@reader.example" for person in (one, other)}, activity_id=resend_id)
    await mail.hit(one, 10)
    await mail.hit(one, 11, activity_id=resend_id, device="mobile")
    await mail.hit(other, 12, activity_id=resend_id)
    await mail.opt_out(one, 13)
    before = (await api.get(f"{CAMPAIGNS}/{mail.campaign_id}")).body["results"][0]["stats"]
    assert (3, 2, 1) == (before["em_sends"], before["em_opens"], before["em_optouts"])
    await mail.hit(other, 14)
    (result,) = (await api.get(f"{CAMPAIGNS}/{mail.campaign_id}")).body["results"]
    stats = result["stats"]
    assert (3, 2, 4, 3, 1, 1, 1) == tuple(
        stats[f"em_{name}"]
        for name in ("sends", "opens", "opens_all", "opens_all_computer", "opens_all_mobile", "optouts", "not_opened")
    )
    (summary,) = (await api.get("/v3/reports/summary_reports/email_campaign_summaries")).body[
        "bulk_email_campaign_summaries"
    ]
    assert (3, 2, 1) == tuple(summary["unique_counts"][name] for name in ("sends", "opens", "not_opened"))
    activities = await api.get(f"{ACTIVITIES}/{mail.activity_id},{resend_id}")
    assert [(3, 2), (2, 2)] == [
        (each["stats"]["em_sends"], each["stats"]["em_opens"]) for each in activities.body["results"]
    ]
