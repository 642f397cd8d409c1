"""Count an activity again from its sends and events: the repair tool, and what tests hold the counters against.

`counters` asks only the ledger, so it is slow and never wrong; `differences` says where the stored numbers say
otherwise, and `repair` writes what it found, with the engagement and the links that belong to it.
"""

import msgspec

from everpost.ids import AccountId, CampaignActivityId
from everpost.platform.db import Conn, many, one, run
from everpost.tracking import counters as stored_counters
from everpost.tracking.counters import Counters


class Activity(msgspec.Struct, frozen=True):
    """Whose numbers they are."""

    account_id: AccountId
    campaign_activity_id: CampaignActivityId


class Difference(msgspec.Struct, frozen=True):
    """One number that is not what the ledger says."""

    name: str
    stored: int
    counted: int


async def activities(conn: Conn, account_id: AccountId | None = None) -> list[Activity]:
    """Every activity that anything happened to, of one account or of all.

    Spans accounts on purpose, for the operator's repair.
    """
    return await many(
        conn,
        Activity,
        """
        SELECT account_id, campaign_activity_id
          FROM (SELECT account_id, campaign_activity_id FROM activity_counters
                 UNION SELECT account_id, campaign_activity_id FROM sends
                 UNION SELECT account_id, campaign_activity_id FROM tracking_events) AS activity
         WHERE :account_id::uuid IS NULL OR account_id = :account_id
         ORDER BY account_id, campaign_activity_id""",
        account_id=account_id,
    )


async def differences(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> list[Difference]:
    """Where the stored numbers differ from the ledger; until the end of the transaction nobody moves them."""
    await stored_counters.hold(conn, account_id, campaign_activity_id)
    recounted = await counters(conn, account_id, campaign_activity_id)
    found = await stored_counters.find(conn, account_id, [campaign_activity_id])
    stored = found.get(campaign_activity_id, Counters())
    names = Counters.__struct_fields__
    wrong = [Difference(name, getattr(stored, name), getattr(recounted, name)) for name in names]
    wrong += await _links(conn, account_id, campaign_activity_id)
    wrong += await _clicked(conn, account_id, campaign_activity_id)
    wrong.append(
        Difference("contacts with wrong engagement", await _engaged(conn, account_id, campaign_activity_id), 0)
    )
    return [difference for difference in wrong if difference.stored != difference.counted]


async def counters(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> Counters:
    """What the activity's counters must be."""
    found = await one(
        conn,
        Counters,
        """
        SELECT (SELECT count(*)
                  FROM sends
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id) AS sends,
               count(DISTINCT contact_id) FILTER (WHERE counts_as = 'open') AS opens,
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'computer') AS opens_computer,
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'mobile') AS opens_mobile,
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'tablet') AS opens_tablet,
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'other') AS opens_other,
               count(*) FILTER (WHERE counts_as = 'open' AND device_type IS NULL) AS opens_none,
               count(DISTINCT contact_id) FILTER (WHERE counts_as = 'click') AS clicks,
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'computer') AS clicks_computer,
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'mobile') AS clicks_mobile,
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'tablet') AS clicks_tablet,
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'other') AS clicks_other,
               count(*) FILTER (WHERE counts_as = 'click' AND device_type IS NULL) AS clicks_none,
               count(DISTINCT contact_id) FILTER (WHERE counts_as = 'optout') AS optouts,
               count(DISTINCT contact_id) FILTER (WHERE counts_as = 'forward') AS forwards,
               count(DISTINCT contact_id) FILTER (WHERE counts_as = 'abuse') AS abuse,
               count(*) FILTER (WHERE bounce_code = 'B') AS bounces_nonexistent_address,
               count(*) FILTER (WHERE bounce_code = 'D') AS bounces_undeliverable,
               count(*) FILTER (WHERE bounce_code = 'F') AS bounces_mailbox_full,
               count(*) FILTER (WHERE bounce_code = 'S') AS bounces_suspended,
               count(*) FILTER (WHERE bounce_code = 'V') AS bounces_vacation,
               count(*) FILTER (WHERE bounce_code = 'X') AS bounces_other,
               count(*) FILTER (WHERE bounce_code = 'Z') AS bounces_blocked,
               count(*) FILTER (WHERE counts_as = 'open' AND sign = 'proxy') AS opens_proxy,
               count(*) FILTER (WHERE counts_as = 'open' AND sign = 'scanner') AS opens_scanner,
               count(*) FILTER (WHERE kind = 'open' AND is_machine) AS opens_left_out,
               count(*) FILTER (WHERE counts_as = 'click' AND sign = 'proxy') AS clicks_proxy,
               count(*) FILTER (WHERE counts_as = 'click' AND sign = 'scanner') AS clicks_scanner,
               count(*) FILTER (WHERE kind = 'click' AND is_machine) AS clicks_left_out
          FROM tracking_events
         CROSS JOIN LATERAL (SELECT CASE WHEN NOT is_machine THEN kind END) AS reported (counts_as)
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
    assert found is not None
    return found


async def repair(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Make engagement, links and counters say what the events say."""
    # In the order in which a fold comes by them, so that neither waits for the other.
    await _hold_engagement(conn, account_id, campaign_activity_id)
    await stored_counters.lock(conn, account_id, campaign_activity_id)
    await _remove_engagement(conn, account_id, campaign_activity_id)
    await _repair_engagement(conn, account_id, campaign_activity_id)
    await _repair_link_clicks(conn, account_id, campaign_activity_id)
    await _repair_links(conn, account_id, campaign_activity_id)
    recounted = await counters(conn, account_id, campaign_activity_id)
    await stored_counters.replace(conn, account_id, campaign_activity_id, recounted)


async def _links(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> list[Difference]:
    return await many(
        conn,
        Difference,
        """
        SELECT 'unique clicks of link ' || link.url_id AS name, link.unique_clicks AS stored,
               coalesce(clicked.contacts, 0) AS counted
          FROM links AS link
          LEFT JOIN (SELECT url_id, count(DISTINCT contact_id) AS contacts
                       FROM tracking_events
                      WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
                        AND kind = 'click' AND NOT is_machine
                      GROUP BY url_id) AS clicked
            ON clicked.url_id = link.url_id
         WHERE link.account_id = :account_id AND link.campaign_activity_id = :campaign_activity_id
         ORDER BY link.url_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _clicked(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> list[Difference]:
    return await many(
        conn,
        Difference,
        """
        SELECT 'links clicked by contacts' AS name,
               (SELECT count(*)
                  FROM link_clicks
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id) AS stored,
               count(DISTINCT (contact_id, url_id)) AS counted
          FROM tracking_events
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND kind = 'click' AND NOT is_machine""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _engaged(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> int:
    """How many contacts' engagement is not what their events say.

    Of what came first only whether there is any: what was stored first stays, though something older may come later.
    """
    found = await one(
        conn,
        int,
        """
        SELECT count(*)
          FROM (SELECT contact_id,
                       ROW (opens, clicks, forwards, machine_clicks, honeypot_at, last_opened_at, last_open_id,
                            last_clicked_at, first_opened_at IS NOT NULL, first_open_id IS NOT NULL,
                            first_clicked_at IS NOT NULL, first_click_id IS NOT NULL) AS numbers
                  FROM engagement
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id) AS stored
          FULL JOIN (SELECT contact_id,
                            ROW (count(*) FILTER (WHERE counts_as = 'open')::int,
                                 count(*) FILTER (WHERE counts_as = 'click')::int,
                                 count(*) FILTER (WHERE kind = 'forward')::int,
                                 count(*) FILTER (WHERE kind = 'click' AND is_machine)::int,
                                 max(created_at) FILTER (WHERE sign = 'honeypot'),
                                 max(created_at) FILTER (WHERE counts_as = 'open'),
                                 (array_agg(event_id ORDER BY created_at DESC, event_id DESC)
                                      FILTER (WHERE counts_as = 'open'))[1],
                                 max(created_at) FILTER (WHERE counts_as = 'click'),
                                 count(*) FILTER (WHERE counts_as = 'open') > 0,
                                 count(*) FILTER (WHERE counts_as = 'open') > 0,
                                 count(*) FILTER (WHERE counts_as = 'click') > 0,
                                 count(*) FILTER (WHERE counts_as = 'click') > 0) AS numbers
                       FROM tracking_events
                      CROSS JOIN LATERAL (SELECT CASE WHEN NOT is_machine THEN kind END) AS reported (counts_as)
                      WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
                        AND kind IN ('open', 'click', 'forward')
                      GROUP BY contact_id) AS counted
            ON counted.contact_id = stored.contact_id
         WHERE stored.numbers IS DISTINCT FROM counted.numbers""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )
    return found or 0


async def _hold_engagement(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        """
        SELECT 1
          FROM engagement
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
         ORDER BY contact_id
           FOR UPDATE""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _remove_engagement(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    """Of contacts who did nothing."""
    await run(
        conn,
        """
        DELETE FROM engagement
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND NOT EXISTS (SELECT 1
                             FROM tracking_events AS event
                            WHERE event.account_id = :account_id AND event.contact_id = engagement.contact_id
                              AND event.campaign_activity_id = :campaign_activity_id
                              AND event.kind IN ('open', 'click', 'forward'))""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
    )


async def _repair_engagement(conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId) -> None:
    await run(
        conn,
        """
        INSERT INTO engagement
               (account_id, campaign_activity_id, contact_id, opens, clicks, forwards, machine_clicks, honeypot_at,
                first_opened_at, last_opened_at, first_clicked_at, last_clicked_at, first_open_id, last_open_id,
                first_click_id)
        SELECT account_id, campaign_activity_id, contact_id,
               count(*) FILTER (WHERE kind = 'open' AND NOT is_machine),
               count(*) FILTER (WHERE kind = 'click' AND NOT is_machine),
               count(*) FILTER (WHERE kind = 'forward'),
               count(*) FILTER (WHERE kind = 'click' AND is_machine),
               max(created_at) FILTER (WHERE sign = 'honeypot'),
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
               machine_clicks = excluded.machine_clicks, honeypot_at = excluded.honeypot_at,
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
