"""How much a contact does with what it is sent: unqualified, low, medium or high.

Rules: counted over the campaign activities of the last 365 days that were sent to the contact; fewer than five tell
nothing, so the contact is unqualified; otherwise the share with at least one open or click decides: above 60 % high,
above 30 % medium, else low. Source: contract, bulk-activities.md §4.4.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, LiteralString, TypeAlias

LOOKED_BACK: Final = timedelta(days=365)

Level: TypeAlias = Literal["unqualified", "low", "medium", "high"]

# Integers in place of shares, so that exactly 60 % is exact. Asks for the parameters :account_id and :sent_since.
_RATED: Final[LiteralString] = """EXISTS (
    SELECT 1
      FROM (SELECT s.contact_id, count(*) AS sent, count(*) FILTER (WHERE e.opens > 0 OR e.clicks > 0) AS engaged
              FROM sends s
              LEFT JOIN engagement e ON e.account_id = s.account_id AND e.contact_id = s.contact_id
                                    AND e.campaign_activity_id = s.campaign_activity_id AND e.account_id = :account_id
             WHERE s.account_id = :account_id AND s.sent_at > :sent_since
             GROUP BY s.contact_id
            HAVING count(*) >= 5) AS rated
     WHERE rated.contact_id = contacts.contact_id"""

# What stands in the WHERE of a statement on `contacts`.
CONDITIONS: Final[Mapping[Level, LiteralString]] = {
    "unqualified": "NOT " + _RATED + ")",
    "low": _RATED + " AND engaged * 10 <= sent * 3)",
    "medium": _RATED + " AND engaged * 10 > sent * 3 AND engaged * 10 <= sent * 6)",
    "high": _RATED + " AND engaged * 10 > sent * 6)",
}
