"""What came of automations: the numbers of all that each has sent, over the years.

`opens` and `clicks` count contacts within a year, as a campaign's do within a send. Source: contract, campaigns.md §8.
"""

from collections.abc import Sequence
from uuid import UUID

from everpost.campaigns.automations import Automation
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.tracking import counters
from everpost.tracking.counters import Counters


async def find(conn: Conn, account_id: AccountId, automations: Sequence[Automation]) -> dict[UUID, Counters]:
    """By the automation's id; zeros for one that has sent nothing."""
    activities = {each.automation_id: each.activities(clock.now()) for each in automations}
    known = await counters.find(conn, account_id, [one for each in activities.values() for one in each])
    return {
        automation_id: counters.total([known[each] for each in own if each in known])
        for automation_id, own in activities.items()
    }
