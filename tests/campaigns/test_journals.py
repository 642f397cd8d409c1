"""Copies for the account's records. Source: contract, campaigns.md §5.2; account.md §8."""

from typing import Any

from everpost.platform.db import run
from tests.campaigns.conftest import parsed


async def test_every_journaling_address_gets_one_untracked_copy_of_each_run(
    api: Any, db: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any
) -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            """
            INSERT INTO account_emails (account_id, email_id, email_address, confirmed_at, confirm_source_type, roles,
                                        pending_roles, created_at)
            VALUES (:account_id, 77, 'records@harborlane.example', now(), 'SITE_OWNER', '{JOURNALING}', '{}', now()),
                   (:account_id, 78, 'later@harborlane.example', NULL, NULL, '{}', '{JOURNALING}', now())""",
            account_id=account.account_id,
        )
    for name in ("ann", "bob"):
        await new_contact(f"{name}@example.com", first_name=name.title())
    campaign = await new_campaign(lists=[list_id], subject='[[FirstName OR "Reader"]], nine new arrivals')
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    mails = {mail["To"]: mail for mail in map(parsed, await mailbox())}
    assert {"ann@example.com", "bob@example.com", "records@harborlane.example"} == set(mails)
    copy = mails["records@harborlane.example"]
    assert "Reader, nine new arrivals" == copy["Subject"]
    assert ["List-Unsubscribe", "X-Campaign-Test"] == [
        name for name in ("List-Unsubscribe", "X-Campaign-Test") if name not in copy
    ]
    html = copy.get_body(("html",)).get_content()
    assert "https://harborlane.example/new" in html
    assert "/o/" not in html
    assert "[[" not in html
    history = (await api.get(f"{campaign.activity}/send_history")).body
    assert 2 == history[0]["count"]
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    assert 3 == len(await mailbox())
