"""Which of the two forms is cheaper, from what the planner expects.

The planner charges every look-up of a condition to every row of the table, though only rows that pass the conditions on
the row itself are looked up. So its price for contacts one by one is put together here: finding those rows, and then
for each of them the look-ups, or once the price of a look-up's rows where it would keep those in memory.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec
from msgspec import Struct

from everpost.contacts.criteria.compiler import Compiled
from everpost.ids import AccountId
from everpost.platform.db import Conn, one

_SERVES: Final = timedelta(minutes=1)
_MOST_REMEMBERED: Final = 1_000


class _Choice(Struct, frozen=True):
    is_as_sets: bool
    until: datetime


_choices: dict[tuple[AccountId, LiteralString, bool], _Choice] = {}


async def cheaper(
    conn: Conn, account_id: AccountId, compiled: Compiled, *, now: datetime, at_most: int | None = None
) -> LiteralString:
    """The form to use; with `at_most` for a page in the contacts' own order, which ends when it is full."""
    if compiled.one_by_one == compiled.as_sets:
        return compiled.one_by_one
    key = (account_id, compiled.one_by_one, at_most is None)
    choice = _choices.get(key)
    if choice is None or choice.until < now:
        choice = _Choice(await _is_as_sets(conn, account_id, compiled, at_most), now + _SERVES)
        if len(_choices) >= _MOST_REMEMBERED:
            _choices.clear()
        _choices[key] = choice
    return compiled.as_sets if choice.is_as_sets else compiled.one_by_one


async def _is_as_sets(conn: Conn, account_id: AccountId, compiled: Compiled, at_most: int | None) -> bool:
    rows = await _plan(conn, account_id, compiled.of_rows, compiled.values)
    asked = await _plan(conn, account_id, compiled.one_by_one, compiled.values)
    sets = await _plan(conn, account_id, compiled.as_sets, compiled.values)
    one_by_one = rows["Total Cost"] + sum(
        lookup["Total Cost"] * (1 if is_hashed else rows["Plan Rows"]) for lookup, is_hashed in _lookups(asked)
    )
    if at_most is not None:
        one_by_one *= min(1.0, at_most / max(sets["Plan Rows"], 1))
    return bool(sets["Total Cost"] < one_by_one)


async def _plan(conn: Conn, account_id: AccountId, sql: LiteralString, values: Mapping[str, Any]) -> dict[str, Any]:
    explained = await one(conn, msgspec.Raw, "EXPLAIN (FORMAT JSON) " + sql, account_id=account_id, **values)
    assert explained is not None
    plan: dict[str, Any] = msgspec.json.decode(explained)[0]["Plan"]
    return plan


def _lookups(plan: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """The subplans of a plan, and whether each runs once and is kept in memory."""
    conditions = " ".join(value for value in plan.values() if isinstance(value, str))
    for part in plan.get("Plans", []):
        if part.get("Parent Relationship") == "SubPlan":
            yield part, f"hashed {part['Subplan Name']}" in conditions
        yield from _lookups(part)
