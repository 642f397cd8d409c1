"""Count an activity again from its sends and events: the repair tool, and what tests hold the counters against.

`counters` asks only the ledger, so it is slow and never wrong; `repair` writes what it found, with the engagement and
the links that belong to it.
"""

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, one, run
from everpost.tracking import counters as stored_counters
from everpost.tracking.counters import Counters


async def counters(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> Counters:
    """What the activity's counters must be."""
    found = await one(
        conn,
        Counters,
        """
        SELECT (SELECT count(*)
                  FROM sends
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id) AS sends,
               count(DISTINCT contact_id) FILTER (WHERE kind = 'open') AS opens,
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'computer') AS opens_computer,
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'mobile') AS opens_mobile,
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'tablet') AS opens_tablet,
               count(*) FILTER (WHERE kind = 'open' AND device_type = 'other') AS opens_other,
               count(*) FILTER (WHERE kind = 'open' AND device_type IS NULL) AS opens_none,
               count(DISTINCT contact_id) FILTER (WHERE kind = 'click') AS clicks,
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'computer') AS clicks_computer,
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'mobile') AS clicks_mobile,
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'tablet') AS clicks_tablet,
               count(*) FILTER (WHERE kind = 'click' AND device_type = 'other') AS clicks_other,
               count(*) FILTER (WHERE kind = 'click' AND device_type IS NULL) AS clicks_none,
               count(DISTINCT contact_id) FILTER (WHERE kind = 'optout') AS optouts,
               count(DISTINCT contact_id) FILTER (WHERE kind = 'forward') AS forwards,
               count(DISTINCT contact_id) FILTER (WHERE kind = 'abuse') AS abuse,
               count(*) FILTER (WHERE bounce_code = 'B') AS bounces_nonexistent_address,
               count(*) FILTER (WHERE bounce_code = 'D') AS bounces_undeliverable,
               count(*) FILTER (WHERE bounce_code = 'F') AS bounces_mailbox_full,
               count(*) FILTER (WHERE bounce_code = 'S') AS bounces_suspended,
               count(*) FILTER (WHERE bounce_code = 'V') AS bounces_vacation,
               count(*) FILTER (WHERE bounce_code = 'X') AS bounces_other,
               count(*) FILTER (WHERE bounce_code = 'Z') AS bounces_blocked
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND NOT is_machine""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
    assert found is not None
    return found


async def repair(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Make engagement, links and counters say what the events say."""
    await stored_counters.lock(conn, account_id, campaign_activity_id)
    await _repair_engagement(conn, account_id, campaign_activity_id)
    await _repair_link_clicks(conn, account_id, campaign_activity_id)
    await _repair_links(conn, account_id, campaign_activity_id)
    recounted = await counters(conn, account_id, campaign_activity_id)
    await stored_counters.replace(conn, account_id, campaign_activity_id, recounted)


async def _repair_engagement(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        """
        INSERT INTO engagement
               (account_id, campaign_activity_id, contact_id, opens, clicks, forwards, machine_clicks,
                first_opened_at, last_opened_at, first_clicked_at, last_clicked_at, first_open_id, last_open_id,
                first_click_id)
        SELECT account_id, campaign_activity_id, contact_id,
               count(*) FILTER (WHERE kind = 'open' AND NOT is_machine),
               count(*) FILTER (WHERE kind = 'click' AND NOT is_machine),
               count(*) FILTER (WHERE kind = 'forward'),
               count(*) FILTER (WHERE kind = 'click' AND is_machine),
               min(created_at) FILTER (WHERE kind = 'open' AND NOT is_machine),
               max(created_at) FILTER (WHERE kind = 'open' AND NOT is_machine),
               min(created_at) FILTER (WHERE kind = 'click' AND NOT is_machine),
               max(created_at) FILTER (WHERE kind = 'click' AND NOT is_machine),
               (array_agg(event_id ORDER BY created_at, event_id)
                    FILTER (WHERE kind = 'open' AND NOT is_machine))[1],
               (array_agg(event_id ORDER BY created_at DESC, event_id DESC)
                    FILTER (WHERE kind = 'open' AND NOT is_machine))[1],
               (array_agg(event_id ORDER BY created_at, event_id)
                    FILTER (WHERE kind = 'click' AND NOT is_machine))[1]
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND kind IN ('open', 'click', 'forward')
         GROUP BY account_id, campaign_activity_id, contact_id
         ORDER BY contact_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id) DO UPDATE SET
               opens = excluded.opens, clicks = excluded.clicks, forwards = excluded.forwards,
               machine_clicks = excluded.machine_clicks,
               first_opened_at = excluded.first_opened_at, last_opened_at = excluded.last_opened_at,
               first_clicked_at = excluded.first_clicked_at, last_clicked_at = excluded.last_clicked_at,
               first_open_id = excluded.first_open_id, last_open_id = excluded.last_open_id,
               first_click_id = excluded.first_click_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _repair_link_clicks(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        """
        WITH clicked AS (
            SELECT DISTINCT contact_id, url_id
              FROM tracking_events
             WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
               AND kind = 'click' AND NOT is_machine),
        gone AS (
            DELETE FROM link_clicks AS link_click
             WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
               AND NOT EXISTS (SELECT 1 FROM clicked WHERE clicked.contact_id = link_click.contact_id
                                                       AND clicked.url_id = link_click.url_id))
        INSERT INTO link_clicks (account_id, campaign_activity_id, contact_id, url_id)
        SELECT :account_id::uuid, :campaign_activity_id::uuid, contact_id, url_id
          FROM clicked
         ORDER BY contact_id, url_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id, url_id) DO NOTHING""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _repair_links(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        """
        UPDATE links AS link
           SET unique_clicks = (SELECT count(*)
                                  FROM link_clicks
                                 WHERE link_clicks.account_id = :account_id
                                   AND link_clicks.campaign_activity_id = :campaign_activity_id
                                   AND link_clicks.url_id = link.url_id)
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
