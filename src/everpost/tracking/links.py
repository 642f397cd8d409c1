"""The links of a campaign activity: one row per distinct authored URL, and the way back from its number.

Rules: a link is the exact text as authored, before personalisation, not normalised; a text that occurs twice in one
activity is one link; `url_id` is unique server-wide and never changes. The honeypot is a link that no person can see.
Where a mail has no pixel, each click stands for an open too.
Source: contract, campaigns.md §4.10, §6.1, §6.3.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ListId, UrlId
from everpost.platform.db import Conn, Db, many, one, run
from everpost.tracking.tokens import Reference

# A link costs about a kilobyte at worst; this many are those of the last few thousand mailings.
_MOST_CACHED = 20_000


class Target(msgspec.Struct, frozen=True):
    """Where a link leads, tags not yet filled in."""

    url: str
    is_honeypot: bool
    stands_for_open: bool


class _Numbered(msgspec.Struct, frozen=True):
    url: str
    url_id: UrlId


async def register(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    urls: Sequence[str],
    *,
    stand_for_opens: bool = False,
) -> dict[str, UrlId]:
    """The number of each distinct URL, in order of first appearance; those known from an earlier run keep theirs.

    They `stand_for_opens` in a mail without a pixel.
    """
    distinct = list(dict.fromkeys(urls))
    hashes = [_hash(url) for url in distinct]
    await _add(conn, account_id, campaign_activity_id, distinct, hashes, stand_for_opens=stand_for_opens)
    numbered = {link.url: link.url_id for link in await _numbered(conn, account_id, campaign_activity_id, hashes)}
    return {url: numbered[url] for url in distinct}


async def register_honeypot(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, url: str
) -> UrlId:
    """The number of the activity's hidden link, which leads to `url` and appears in no report."""
    # The same text may be a visible link as well, so it is hashed apart.
    hashes = [_hash("\0" + url)]
    await _add(conn, account_id, campaign_activity_id, [url], hashes, is_honeypot=True)
    numbered = await _numbered(conn, account_id, campaign_activity_id, hashes)
    return numbered[0].url_id


async def set_lists(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, chosen: Mapping[str, ListId]
) -> None:
    """Whoever clicks a link joins its list from now on; links that are not named lead onto none."""
    # A row that says so already is not touched: clicks would wait for it until the transaction ends.
    await run(
        conn,
        """
        UPDATE links
           SET list_id = (:list_ids::uuid[])[array_position(:urls::text[], url)]
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND NOT is_honeypot
           AND list_id IS DISTINCT FROM (:list_ids::uuid[])[array_position(:urls::text[], url)]""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        urls=list(chosen.keys()),
        list_ids=list(chosen.values()),
    )


class Targets:
    """From a click's reference to where it leads, with the recently used ones in memory: a link never changes."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._cached: dict[UrlId, Target] = {}

    async def find(self, reference: Reference) -> Target | None:
        cached = self._cached.get(reference.url_id)
        if cached is not None:
            return cached
        async with self._db.reader() as conn:
            target = await _target(conn, reference)
        if target is not None:
            self._remember(reference.url_id, target)
        return target

    def _remember(self, url_id: UrlId, target: Target) -> None:
        if len(self._cached) >= _MOST_CACHED:
            del self._cached[next(iter(self._cached))]
        self._cached[url_id] = target


def _hash(url: str) -> bytes:
    return blake2b(url.encode(), digest_size=16).digest()


async def _add(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    urls: list[str],
    hashes: list[bytes],
    *,
    is_honeypot: bool = False,
    stand_for_opens: bool = False,
) -> None:
    await run(
        conn,
        """
        INSERT INTO links (account_id, campaign_activity_id, url, url_hash, position, is_honeypot, stands_for_open)
        SELECT :account_id, :campaign_activity_id, row.url, row.url_hash, known.count + row.number, :is_honeypot,
               :stand_for_opens
          FROM unnest(:urls::text[], :hashes::bytea[]) WITH ORDINALITY AS row (url, url_hash, number),
               (SELECT count(*) AS count
                  FROM links
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id) AS known
         ORDER BY row.number
            ON CONFLICT (account_id, campaign_activity_id, url_hash) DO NOTHING""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        urls=urls,
        hashes=hashes,
        is_honeypot=is_honeypot,
        stand_for_opens=stand_for_opens,
    )


async def _numbered(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, hashes: list[bytes]
) -> list[_Numbered]:
    return await many(
        conn,
        _Numbered,
        """
        SELECT url, url_id
          FROM links
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND url_hash = ANY (:hashes::bytea[])""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        hashes=hashes,
    )


async def _target(conn: Conn, reference: Reference) -> Target | None:
    return await one(
        conn,
        Target,
        """
        SELECT url, is_honeypot, stands_for_open
          FROM links
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND url_id = :url_id""",
        account_id=reference.account_id,
        campaign_activity_id=reference.campaign_activity_id,
        url_id=reference.url_id,
    )
