"""Opens and clicks on their way into the tables: first the journal, then every number that depends on them.

Rules:
- `append` makes hits durable and does nothing else; `fold` moves an account's hits from the journal into events,
  engagement, link clicks and counters, in one transaction, so each is counted once whatever dies in between.
- A contact's first open and first click are decided by the key of `engagement`, so several nodes may fold at once.
- A click of somebody without any open so far is also an open, at the click's time, with the click's device and id. Of
  hits that are folded together the opens come first.
- Who is the first time at a link that puts people on a list is told in the same transaction (`links.clicked`), due when
  the rules about machines have seen what came after the click.
- Events of machines are stored and counted nowhere but beside (`…_left_out`).
Source: contract, campaigns.md §6.1-§6.3.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform import clock, events
from everpost.platform.db import Conn, Db, commit_without_waiting, many, one, run
from everpost.tracking import machines
from everpost.tracking.hits import DEVICE_TYPES, PACKED_BYTES, SIGNS, Hit, pack

# The number of a hit within its batch has two bytes.
MOST_IN_A_BATCH: Final = 1_000
# Large enough to share the statement's cost, small enough to hold the counters' row, and a core, for some hundredths of
# a second only. The last batch that is begun goes in as a whole.
ENOUGH_IN_A_FOLD: Final = 1_500
MOST_BATCHES_IN_A_FOLD: Final = 100

# A fact, one per fold and activity; `contact_ids` and `url_ids` are read side by side.
CLICKED: Final = "links.clicked"


class Listed(msgspec.Struct, frozen=True):
    """New clicks of one activity's links that put people on lists."""

    campaign_activity_id: CampaignActivityId
    contact_ids: list[ContactId]
    url_ids: list[UrlId]


class Folded(msgspec.Struct, frozen=True):
    """What a fold found: how many hits, waiting since when, and the messages that a machine may have visited."""

    hits: int
    batches: int
    oldest_at: datetime | None
    suspects_since: datetime | None
    suspects: msgspec.Raw
    listed: list[Listed]

    @property
    def is_everything(self) -> bool:
        """Whether nothing was left in the journal, but for what others fold or came in meanwhile."""
        return self.hits < ENOUGH_IN_A_FOLD and self.batches < MOST_BATCHES_IN_A_FOLD


async def append(conn: Conn, account_id: AccountId, hits: Sequence[Hit]) -> None:
    """Write hits into the journal as one row; outside a transaction they are on disk when this returns."""
    assert len(hits) <= MOST_IN_A_BATCH
    await run(
        conn,
        """
        INSERT INTO tracking_batches (account_id, batch_id, written_at, hits, packed)
        VALUES (:account_id, :batch_id, :written_at, :hits, :packed)""",
        account_id=account_id,
        batch_id=new_id(),
        written_at=clock.now(),
        hits=len(hits),
        packed=pack(hits),
    )


async def record(db: Db, account_id: AccountId, hits: Sequence[Hit]) -> None:
    """Append and fold at once: for doors that few people come to."""
    async with db.transaction() as conn:
        await append(conn, account_id, hits)
    await fold_all(db, account_id)


async def fold(db: Db, account_id: AccountId) -> Folded:
    """Move the oldest hits of the journal to where they belong."""
    async with db.transaction() as conn:
        folded = await _fold(conn, account_id)
        if folded.suspects_since is not None:
            await machines.sweep(conn, account_id, folded.suspects, since=folded.suspects_since)
        await _tell(conn, account_id, folded.listed)
    return folded


async def fold_all(db: Db, account_id: AccountId) -> None:
    """Until the journal of the account is empty."""
    while not (await fold(db, account_id)).is_everything:
        pass


async def behind(conn: Conn, before: datetime) -> list[AccountId]:
    """Accounts with hits older than `before` in the journal: whoever should have folded them is gone, or far behind.

    Spans accounts on purpose; the journal is nearly empty.
    """
    sql = "SELECT DISTINCT account_id FROM tracking_batches WHERE written_at < :before"
    return [AccountId(found) for found in await many(conn, UUID, sql, before=before)]


async def _fold(conn: Conn, account_id: AccountId) -> Folded:
    # The planner cannot know how many rows come out of the journal. When it guesses few, it joins them by nested loops,
    # which takes seconds for some thousands.
    await run(conn, "SET LOCAL enable_nestloop = off")
    # A crash that undoes this brings the journal's rows back too, and they are folded again.
    await commit_without_waiting(conn)
    folded = await one(
        conn,
        Folded,
        _FOLD,
        account_id=account_id,
        enough=ENOUGH_IN_A_FOLD,
        most_batches=MOST_BATCHES_IN_A_FOLD,
        packed_bytes=PACKED_BYTES,
        device_types=DEVICE_TYPES,
        signs=SIGNS,
        burst_links=machines.BURST_LINKS,
        honeypot_window=machines.HONEYPOT_WINDOW,
        signs_left_out=machines.signs_left_out(),
        too_early=machines.too_early(),
    )
    assert folded is not None
    if folded.suspects_since is not None:
        await run(conn, "SET LOCAL enable_nestloop = on")
    return folded


async def _tell(conn: Conn, account_id: AccountId, found: Sequence[Listed]) -> None:
    at = clock.now() + machines.HONEYPOT_WINDOW
    for listed in found:
        await events.publish(
            conn,
            CLICKED,
            at=at,
            account_id=account_id,
            campaign_activity_id=listed.campaign_activity_id,
            contact_ids=listed.contact_ids,
            url_ids=listed.url_ids,
        )


# Every part of the statement sees the tables as they were before it; what must be known of their new state comes out of
# `touched`, which moves the engagement first and thereby decides what is a first open and a first click.
_FOLD: Final = """
    WITH batch AS (
        DELETE FROM tracking_batches
         WHERE account_id = :account_id
           AND batch_id = ANY (ARRAY (SELECT batch_id
                                        FROM (SELECT batch_id, sum(hits) OVER (ORDER BY batch_id) - hits AS hits_before
                                                FROM (SELECT batch_id, hits
                                                        FROM tracking_batches
                                                       WHERE account_id = :account_id
                                                       ORDER BY batch_id
                                                       LIMIT :most_batches
                                                         FOR UPDATE SKIP LOCKED) AS oldest) AS summed
                                       WHERE hits_before < :enough))
        RETURNING batch_id, written_at, hits, packed),
    taken AS (
        SELECT encode(overlay(uuid_send(batch.batch_id) PLACING int2send(hit.number::int2) FROM 15), 'hex')::uuid
                   AS event_id,
               hit.campaign_activity_id, hit.contact_id, hit.created_at, hit.device_type, hit.url_id, hit.sign,
               hit.sign IS NOT DISTINCT FROM 'honeypot' AS is_honeypot, made.is_machine,
               CASE WHEN hit.url_id IS NULL THEN 'open' ELSE 'click' END AS kind,
               hit.url_id IS NULL AND NOT made.is_machine AS is_open,
               hit.url_id IS NOT NULL AND NOT made.is_machine AS is_click
          FROM batch
         CROSS JOIN LATERAL (
               -- A long value is fetched anew for each part that is cut out of it, unless it is made into one first.
               SELECT batch.packed || ''::bytea OFFSET 0) AS whole (bytes)
         CROSS JOIN LATERAL (
               SELECT number, encode(substring(bytes FROM at FOR 16), 'hex')::uuid AS campaign_activity_id,
                      encode(substring(bytes FROM at + 16 FOR 16), 'hex')::uuid AS contact_id,
                      '1970-01-01Z'::timestamptz
                          + ('x' || encode(substring(bytes FROM at + 32 FOR 8), 'hex'))::bit(64)::bigint
                          * '1 microsecond'::interval AS created_at,
                      nullif(('x' || encode(substring(bytes FROM at + 40 FOR 8), 'hex'))::bit(64)::bigint, 0)
                          AS url_id,
                      (:device_types::text[])[get_byte(bytes, at + 47)] AS device_type,
                      (:signs::text[])[get_byte(bytes, at + 48)] AS sign
                 FROM generate_series(1, batch.hits) AS counted (number)
                CROSS JOIN LATERAL (SELECT (number - 1) * :packed_bytes + 1) AS place (at)) AS hit
         CROSS JOIN LATERAL (
               -- Only where the rule is on does anybody look when the message was accepted.
               SELECT coalesce(hit.sign = ANY (:signs_left_out), false)
                      OR CASE WHEN :too_early::interval > '0' THEN EXISTS (
                              SELECT FROM sends
                               WHERE sends.account_id = :account_id
                                 AND sends.campaign_activity_id = hit.campaign_activity_id
                                 AND sends.contact_id = hit.contact_id
                                 AND hit.created_at < sends.sent_at + :too_early::interval)
                         ELSE false END
               ) AS made (is_machine)),
    touch AS (
        SELECT campaign_activity_id, contact_id,
               count(*) AS hits, max(created_at) AS latest,
               count(*) FILTER (WHERE is_open) AS opens,
               count(*) FILTER (WHERE is_click) AS clicks,
               count(*) FILTER (WHERE is_machine AND kind = 'click') AS machine_clicks,
               max(created_at) FILTER (WHERE is_honeypot) AS honeypot_at,
               min(created_at) FILTER (WHERE is_open) AS first_opened_at,
               max(created_at) FILTER (WHERE is_open) AS last_opened_at,
               min(created_at) FILTER (WHERE is_click) AS first_clicked_at,
               max(created_at) FILTER (WHERE is_click) AS last_clicked_at,
               (array_agg(event_id ORDER BY created_at, event_id) FILTER (WHERE is_open)) AS open_ids,
               (array_agg(event_id ORDER BY created_at, event_id) FILTER (WHERE is_click)) AS click_ids
          FROM taken
         GROUP BY campaign_activity_id, contact_id),
    touched AS (
        INSERT INTO engagement AS known
               (account_id, campaign_activity_id, contact_id, opens, clicks, machine_clicks, honeypot_at,
                first_opened_at, last_opened_at, first_clicked_at, last_clicked_at,
                first_open_id, last_open_id, first_click_id)
        SELECT :account_id::uuid, campaign_activity_id, contact_id,
               CASE WHEN clicks > 0 THEN greatest(opens, 1) ELSE opens END, clicks, machine_clicks, honeypot_at,
               coalesce(first_opened_at, first_clicked_at), coalesce(last_opened_at, first_clicked_at),
               first_clicked_at, last_clicked_at,
               coalesce(open_ids[1], click_ids[1]), coalesce(open_ids[cardinality(open_ids)], click_ids[1]),
               click_ids[1]
          FROM touch
         ORDER BY campaign_activity_id, contact_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id) DO UPDATE SET
               opens = known.opens
                     + CASE WHEN known.opens > 0 AND excluded.first_open_id = excluded.first_click_id THEN 0
                            ELSE excluded.opens END,
               clicks = known.clicks + excluded.clicks,
               machine_clicks = known.machine_clicks + excluded.machine_clicks,
               honeypot_at = greatest(known.honeypot_at, excluded.honeypot_at),
               first_opened_at = coalesce(known.first_opened_at, excluded.first_opened_at),
               first_open_id = coalesce(known.first_open_id, excluded.first_open_id),
               last_opened_at = CASE WHEN known.opens > 0 AND (excluded.opens = 0
                                          OR excluded.first_open_id = excluded.first_click_id
                                          OR (excluded.last_opened_at, excluded.last_open_id)
                                           < (known.last_opened_at, known.last_open_id))
                                     THEN known.last_opened_at ELSE excluded.last_opened_at END,
               last_open_id = CASE WHEN known.opens > 0 AND (excluded.opens = 0
                                        OR excluded.first_open_id = excluded.first_click_id
                                        OR (excluded.last_opened_at, excluded.last_open_id)
                                         < (known.last_opened_at, known.last_open_id))
                                   THEN known.last_open_id ELSE excluded.last_open_id END,
               first_clicked_at = coalesce(known.first_clicked_at, excluded.first_clicked_at),
               first_click_id = coalesce(known.first_click_id, excluded.first_click_id),
               last_clicked_at = greatest(known.last_clicked_at, excluded.last_clicked_at)
        RETURNING campaign_activity_id, contact_id, first_open_id, first_click_id, honeypot_at,
                  clicks + machine_clicks AS requests),
    accepted AS (
        SELECT taken.campaign_activity_id, taken.contact_id, taken.event_id, kind.name AS kind,
               CASE WHEN kind.name = 'click' THEN taken.url_id END AS url_id, taken.device_type, taken.created_at,
               taken.sign, taken.is_machine, CASE WHEN NOT taken.is_machine THEN kind.name END AS counts_as,
               kind.name = 'open' AND taken.event_id = touched.first_open_id AS is_first_open,
               kind.name = 'click' AND taken.event_id = touched.first_click_id AS is_first_click
          FROM taken
          JOIN touched
            ON touched.campaign_activity_id = taken.campaign_activity_id AND touched.contact_id = taken.contact_id
         CROSS JOIN (VALUES ('open'), ('click')) AS kind (name)
         WHERE taken.kind = kind.name OR kind.name = 'open' AND taken.event_id = touched.first_open_id),
    stored AS (
        INSERT INTO tracking_events (account_id, campaign_activity_id, contact_id, event_id, kind, url_id,
                                     device_type, created_at, sign, is_machine)
        SELECT :account_id::uuid, campaign_activity_id, contact_id, event_id, kind, url_id, device_type, created_at,
               sign, is_machine
          FROM accepted),
    linked AS (
        INSERT INTO link_clicks (account_id, campaign_activity_id, contact_id, url_id)
        SELECT DISTINCT :account_id::uuid, campaign_activity_id, contact_id, url_id
          FROM accepted
         WHERE kind = 'click' AND NOT is_machine
         ORDER BY campaign_activity_id, contact_id, url_id
            ON CONFLICT (account_id, campaign_activity_id, contact_id, url_id) DO NOTHING
        RETURNING campaign_activity_id, contact_id, url_id),
    counted_links AS (
        UPDATE links
           SET unique_clicks = unique_clicks + added.contacts
          FROM (SELECT campaign_activity_id, url_id, count(*) AS contacts
                  FROM linked
                 GROUP BY campaign_activity_id, url_id) AS added
         WHERE links.account_id = :account_id AND links.campaign_activity_id = added.campaign_activity_id
           AND links.campaign_activity_id = ANY (ARRAY (SELECT campaign_activity_id FROM touch))
           AND links.url_id = added.url_id
        RETURNING links.campaign_activity_id, links.url_id, links.list_id),
    listed AS (
        SELECT linked.campaign_activity_id, array_agg(linked.contact_id) AS contact_ids,
               array_agg(linked.url_id) AS url_ids
          FROM counted_links
          JOIN linked
            ON linked.campaign_activity_id = counted_links.campaign_activity_id
           AND linked.url_id = counted_links.url_id
         WHERE counted_links.list_id IS NOT NULL
         GROUP BY linked.campaign_activity_id),
    counted AS (
        INSERT INTO activity_counters AS known
               (account_id, campaign_activity_id, opens, clicks,
                opens_computer, opens_mobile, opens_tablet, opens_other, opens_none,
                clicks_computer, clicks_mobile, clicks_tablet, clicks_other, clicks_none,
                opens_proxy, opens_scanner, opens_left_out, clicks_proxy, clicks_scanner, clicks_left_out)
        SELECT :account_id::uuid, campaign_activity_id,
               count(*) FILTER (WHERE is_first_open),
               count(*) FILTER (WHERE is_first_click),
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'computer'),
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'mobile'),
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'tablet'),
               count(*) FILTER (WHERE counts_as = 'open' AND device_type = 'other'),
               count(*) FILTER (WHERE counts_as = 'open' AND device_type IS NULL),
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'computer'),
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'mobile'),
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'tablet'),
               count(*) FILTER (WHERE counts_as = 'click' AND device_type = 'other'),
               count(*) FILTER (WHERE counts_as = 'click' AND device_type IS NULL),
               count(*) FILTER (WHERE counts_as = 'open' AND sign = 'proxy'),
               count(*) FILTER (WHERE counts_as = 'open' AND sign = 'scanner'),
               count(*) FILTER (WHERE kind = 'open' AND is_machine),
               count(*) FILTER (WHERE counts_as = 'click' AND sign = 'proxy'),
               count(*) FILTER (WHERE counts_as = 'click' AND sign = 'scanner'),
               count(*) FILTER (WHERE kind = 'click' AND is_machine)
          FROM accepted
         GROUP BY campaign_activity_id
         ORDER BY campaign_activity_id
            ON CONFLICT (account_id, campaign_activity_id) DO UPDATE SET
               opens = known.opens + excluded.opens,
               clicks = known.clicks + excluded.clicks,
               opens_computer = known.opens_computer + excluded.opens_computer,
               opens_mobile = known.opens_mobile + excluded.opens_mobile,
               opens_tablet = known.opens_tablet + excluded.opens_tablet,
               opens_other = known.opens_other + excluded.opens_other,
               opens_none = known.opens_none + excluded.opens_none,
               clicks_computer = known.clicks_computer + excluded.clicks_computer,
               clicks_mobile = known.clicks_mobile + excluded.clicks_mobile,
               clicks_tablet = known.clicks_tablet + excluded.clicks_tablet,
               clicks_other = known.clicks_other + excluded.clicks_other,
               clicks_none = known.clicks_none + excluded.clicks_none,
               opens_proxy = known.opens_proxy + excluded.opens_proxy,
               opens_scanner = known.opens_scanner + excluded.opens_scanner,
               opens_left_out = known.opens_left_out + excluded.opens_left_out,
               clicks_proxy = known.clicks_proxy + excluded.clicks_proxy,
               clicks_scanner = known.clicks_scanner + excluded.clicks_scanner,
               clicks_left_out = known.clicks_left_out + excluded.clicks_left_out)
    SELECT coalesce(sum(touch.hits), 0)::int AS hits, (SELECT count(*) FROM batch) AS batches,
           (SELECT min(written_at) FROM batch) AS oldest_at,
           min(touch.latest) FILTER (WHERE is_suspect) AS suspects_since,
           coalesce(jsonb_agg(jsonb_build_object('campaign_activity_id', touch.campaign_activity_id,
                                                 'contact_id', touch.contact_id))
                        FILTER (WHERE is_suspect), '[]') AS suspects,
           (SELECT coalesce(jsonb_agg(listed), '[]') FROM listed) AS listed
      FROM touch
      JOIN touched
        ON touched.campaign_activity_id = touch.campaign_activity_id AND touched.contact_id = touch.contact_id
     CROSS JOIN LATERAL (
           SELECT touched.requests >= :burst_links AND touch.clicks + touch.machine_clicks > 0
                  OR touched.honeypot_at >= touch.latest - :honeypot_window::interval
           ) AS seen (is_suspect)"""
