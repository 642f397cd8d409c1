"""Two subjects for one campaign: a part of the audience gets one or the other, everybody else the better one."""

from collections.abc import Mapping
from typing import Final

import msgspec

from everpost.campaigns import ab_tests
from everpost.campaigns.errors import CampaignNotFound
from everpost.campaigns.shapes import AbTest
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_pages, campaign_parts, forms
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Campaigns AB Tests")

_WAITS: Final = [(str(hours), f"{hours} hours") for hours in (6, 12, 24, 48)]


@pages.get("/campaigns/{campaign_id}/subject-test", **campaign_parts.WRITE)
async def show_subject_test(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The test there is, or the form for one."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    test = await ab_tests.find(conn, session.account_id, campaign_id)
    values = {"test_size": "20", "winner_wait_duration": "24"}
    return _page(opened, values, test=test)


@pages.post("/campaigns/{campaign_id}/subject-test", **campaign_parts.WRITE)
async def create_subject_test(
    conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]
) -> Html | Answer:
    """Test with the first send."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            await ab_tests.create(conn, session.account_id, opened.email.campaign_activity_id, _read(form))
    except ApiError as error:
        test = await ab_tests.find(conn, session.account_id, campaign_id)
        return _page(opened, form, test=test, error=error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


@pages.post("/campaigns/{campaign_id}/subject-test/remove", **campaign_parts.WRITE)
async def remove_subject_test(conn: Conn, session: Session, campaign_id: CampaignId) -> Html | Answer:
    """Take it away. It may be gone already, which comes to the same."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    try:
        async with savepoint(conn):
            await ab_tests.delete(conn, session.account_id, opened.email.campaign_activity_id)
    except CampaignNotFound:
        pass
    except ApiError as error:
        return await campaign_pages.refused(conn, session, campaign_id, error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=saved")


def _read(form: Mapping[str, str]) -> AbTest:
    """Raises: Invalid."""
    numbers = {name: campaign_parts.number(form.get(name, "")) for name in ("test_size", "winner_wait_duration")}
    subject = form.get("alternative_subject", "").strip()
    return forms.checked(AbTest, {"alternative_subject": subject, **numbers})


def _page(
    opened: Opened, values: Mapping[str, str], *, test: ab_tests.Test | None, error: ApiError | None = None
) -> Html:
    names = [field.name for field in msgspec.structs.fields(AbTest)]
    return campaign_parts.page(
        "portal/campaign_subject_test.html",
        opened,
        values={name: values.get(name, "") for name in names},
        test=test,
        waits=_WAITS,
        error=error,
    )
