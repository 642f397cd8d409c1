"""What a criteria document means, in plain Python: the contract's tables row by row, slow and without any cleverness.

Shares no code with the compiler. Source: contract, segments.md §3-§6.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.contacts.segment_world import FIELDS, LISTS, NOW, TAGS, Field, Person, World, campaign_of

ALIASES = {
    "is": "eq", "is-not": "not-eq", "equals": "eq", "not-equals": "not-eq", "is-empty": "empty",
    "is-not-empty": "not-empty", "in": "contains-any", "not-in": "contains-none", "greater-than": "gt",
    "less-than": "lt",
}  # fmt: skip
OPPOSITES = {"not-eq": "eq", "not-contains": "contains", "contains-none": "contains-any", "empty": "not-empty"}
CODES = {"md": "maryland", "or": "oregon", "on": "ontario", "us": "united states", "ca": "canada", "no": "norway"}


def members(document: dict[str, Any], world: World) -> set[UUID]:
    top = document["criteria"]
    return {each.contact_id for each in world.people if not each.is_deleted and _meets(top, each, world)}


def _meets(node: dict[str, Any], person: Person, world: World) -> bool:
    if "group" in node:
        results = [_meets(child, person, world) for child in node["group"]]
        return {"and": all(results), "or": any(results), "not": not any(results)}[node["type"]]
    source = node["source"]
    if source == "tracking":
        return _tracking(node, person, world)
    if source == "contact" and node["field"] != "list_membership":
        return _contact(node, person)
    held, existing = (person.tags, TAGS) if source == "tags" else (person.lists, LISTS)
    return _membership(node, {str(each) for each in held if each in existing[:3]})


def _membership(node: dict[str, Any], held: set[str]) -> bool:
    operator = ALIASES.get(node["op"], node["op"])
    match operator:
        case "empty":
            return not held
        case "not-empty":
            return bool(held)
        case "contains-all":
            return held.issuperset(_texts(node))
    found = not held.isdisjoint(_texts(node))
    return found if operator in ("contains-any", "eq") else not found


def _tracking(node: dict[str, Any], person: Person, world: World) -> bool:
    field, operator = node["field"].replace("-", "_"), node["op"]
    is_negative = field.startswith("not_")
    kind = {"sent": "sent", "opened": "open", "clicked": "click", "bounced": "bounce", "forwarded": "forward",
            "opted_out": "optout"}[field.removeprefix("not_")]  # fmt: skip
    period = _period(node, "const_date_value", "date_param", NOW, is_tracking=True)
    is_by_send = is_negative or kind == "sent"
    targets = _targets(node, world, period if is_by_send else None)
    if not targets:
        return field == "not_sent"
    sent = [each for each in targets if each in person.sends]
    if kind == "sent":
        done = sent
    else:
        done = [
            target
            for target in targets
            if any((each, where) == (kind, target) and (is_by_send or period is None or period(at))
                   for each, where, at in person.events)
        ]  # fmt: skip
    if field == "not_sent":
        return bool(sent) if operator == "contains-none" else not sent
    if is_negative:
        return {
            "contains-any": bool(sent) and not done,
            "contains-all": len(sent) == len(targets) and not done,
            "contains-none": not (sent and not done),
            "count-at-least": len(set(sent) - set(done)) >= int(node.get("param", 0)),
        }[operator]
    return {
        "contains-any": bool(done),
        "contains-all": len(done) == len(targets),
        "contains-none": not done,
        "count-at-least": len(done) >= int(node.get("param", 0)),
    }[operator]


def _targets(node: dict[str, Any], world: World, period: Callable[[datetime], bool] | None) -> list[UUID]:
    newest = sorted(world.sent, key=lambda each: world.sent[each], reverse=True)
    if "value" in node:
        named = set(_texts(node))
        newest = [each for each in newest if {str(each), str(campaign_of(each))} & named]
    elif node["const_value"] == "last-n-campaigns":
        newest = newest[: int(node["param"])]
    return [each for each in newest if period is None or period(world.sent[each])]


def _period(
    node: dict[str, Any], name: str, operand: str, now: datetime, *, is_tracking: bool
) -> Callable[[datetime], bool] | None:
    """Whether a moment lies within the period; None without one."""
    constant, given = node.get(name), node.get(operand)
    oldest = now - timedelta(days=1825)
    if constant in (None, "any-time"):
        return None
    if constant == "last-n-days":
        return lambda at: now - timedelta(days=int(given)) <= at <= now
    if constant == "next-n-days":
        return lambda at: now <= at <= now + timedelta(days=int(given))
    if constant == "over-n-days-ago":
        return lambda at: oldest <= at < now - timedelta(days=int(given))
    if constant == "between":
        first, last = given.split(",") if isinstance(given, str) else given
        return lambda at: date.fromisoformat(first.strip()) <= at.date() <= date.fromisoformat(last.strip())
    day = date.fromisoformat(given)
    if constant == "on":
        return lambda at: at.date() == day
    if constant == "before":
        return lambda at: at.date() < day and (not is_tracking or at >= oldest)
    return lambda at: at.date() > day and (not is_tracking or at >= oldest)


def _contact(node: dict[str, Any], person: Person) -> bool:
    name = node["field"]
    custom = next((each for each in FIELDS if name in (str(each.custom_field_id), f"cf:{each.name}")
                   or node.get("custom_field_id") == str(each.custom_field_id)), None)  # fmt: skip
    operator = ALIASES.get(node["op"], node["op"])
    is_negative = operator in OPPOSITES
    if custom is None and (name.startswith("cf:") or name == "custom_field" or name.count("-") == 4):
        return is_negative
    kind, values = _custom_values(custom, person) if custom else _values(name.replace("-", "_"), person)
    positive = {**node, "op": OPPOSITES.get(operator, operator)}
    found = bool(values) if positive["op"] == "not-empty" else _any_meets(kind, values, positive)
    return found is not is_negative


def _any_meets(kind: str, values: list[Any], node: dict[str, Any]) -> bool:
    match kind:
        case "text" | "state" | "country":
            return any(_text_meets(kind, value, node) for value in values)
        case "choice":
            wanted = {each.lower() for each in _texts(node)}
            held = {str(each).lower() for each in values}
            return wanted <= held if node["op"] == "contains-all" else bool(wanted & held)
        case "choices":  # pairs of number and label; a rule may name either
            hits = [any(each.lower() in pair for pair in values) for each in _texts(node)]
            return all(hits) if node["op"] == "contains-all" else any(hits)
        case "number":
            return any(_number_meets(value, node) for value in values)
        case "birthday" | "anniversary":
            return any(_day_of_year_meets(kind, value, node) for value in values)
        case _:
            return any(_date_meets(value, node) for value in values)


def _text_meets(kind: str, value: str, node: dict[str, Any]) -> bool:
    stored = value.strip().lower()
    given = [each.lower() for each in _texts(node)]
    match node["op"]:
        case "eq" | "contains-any":
            names = [CODES[each] for each in given if each in CODES] if kind != "text" else []
            return stored in [*given, *names]
        case "contains":
            return given[0] in stored
        case "starts-with":
            return stored.startswith(given[0])
        case "ends-with":
            return stored.endswith(given[0])
    raise AssertionError(node)


def _number_meets(value: Decimal, node: dict[str, Any]) -> bool:
    given = [Decimal(each) for each in _texts(node)]
    match node["op"]:
        case "eq":
            return value == given[0]
        case "lt":
            return value < given[0]
        case "lte":
            return value <= given[0]
        case "gt":
            return value > given[0]
        case "gte":
            return value >= given[0]
        case "between":
            return given[0] <= value <= given[1]
    raise AssertionError(node)


def _date_meets(value: date | datetime, node: dict[str, Any]) -> bool:
    if node["op"] == "in-period":
        if isinstance(value, datetime):
            within = _period(node, "const_value", "param", NOW, is_tracking=False)
            return within is None or within(value)
        return _day_in_period(value, node)
    day = value.date() if isinstance(value, datetime) else value
    given = [date.fromisoformat(each) for each in _texts(node)]
    match node["op"]:
        case "eq":
            return day == given[0]
        case "before":
            return day < given[0]
        case "after":
            return day > given[0]
        case "between":
            return given[0] <= day <= given[1]
    raise AssertionError(node)


def _day_in_period(day: date, node: dict[str, Any]) -> bool:
    """A date without a time: the days that the period touches."""
    today, days = NOW.date(), timedelta(days=int(node["param"])) if str(node.get("param")).isdigit() else timedelta(0)
    match node["const_value"]:
        case "last-n-days":
            return today - days <= day <= today
        case "next-n-days":
            return today <= day <= today + days
        case "over-n-days-ago":
            return today - timedelta(days=1825) <= day <= today - days
    within = _period(node, "const_value", "param", NOW, is_tracking=False)
    return within is None or within(datetime.combine(day, time(), UTC))


def _day_of_year_meets(kind: str, value: tuple[int, int] | date, node: dict[str, Any]) -> bool:
    month, day = value if isinstance(value, tuple) else (value.month, value.day)
    match node["op"]:
        case "month-eq":
            return month in [int(each) for each in _texts(node)]
        case "eq":
            parts = _texts(node)[0].replace("/", "-").split("-")
            return [month, day] == [int(each) for each in parts[-2:]]
        case "in-period" if node["const_value"] in ("last-n-days", "next-n-days"):
            sign = 1 if node["const_value"] == "next-n-days" else -1
            window = [NOW.date() + sign * timedelta(days=number) for number in range(int(node["param"]) + 1)]
            return any(_falls_on(month, day, each) for each in window)
    assert isinstance(value, date)
    return _date_meets(value, node)


def _falls_on(month: int, day: int, when: date) -> bool:
    is_leap = when.year % 4 == 0 and (when.year % 100 != 0 or when.year % 400 == 0)
    if (month, day) == (2, 29) and not is_leap:
        month, day = 3, 1
    return (month, day) == (when.month, when.day)


def _values(name: str, person: Person) -> tuple[str, list[Any]]:
    """The kind of a property and what the contact has of it; blanks are nothing."""
    columns = person.columns
    name = {"email_address": "email", "email_status": "permission_to_send", "date_added": "created_at",
            "postal_code": "zip"}.get(name, name)  # fmt: skip
    kind, _, member = name.partition("_")
    if kind in ("home", "work", "other"):
        addresses, name = [each for each in person.addresses if each["kind"] == kind], member
    else:
        addresses = person.addresses
    if name in ("street", "city", "state", "zip", "country"):
        stored = "postal_code" if name == "zip" else name
        return name if name in ("state", "country") else "text", [
            each[stored] for each in addresses if each.get(stored)
        ]
    match name:
        case "email_domain":
            return "text", [columns["email"].split("@")[1]] if columns["email"] else []
        case "phone_number":
            return "text", [number for _, number in person.phones]
        case "notes":
            return "text", person.notes
        case "permission_to_send":
            return "choice", [columns["permission"]] if columns["email"] else []
        case "sms_status":
            return "choice", [person.sms or "not_set"]
        case "engagement_level":
            return "choice", [_engagement_level(person)]
        case "birthday_month" | "birthday_day":
            part = 0 if name == "birthday_month" else 1
            return "number", [Decimal(columns["birthday"][part])] if columns["birthday"] else []
        case "birthday" | "anniversary":
            return name, [columns[name]] if columns[name] else []
    value = columns[name]
    kind = "moment" if isinstance(value, datetime) else "choice" if name.endswith("_source") else "text"
    return kind, [value] if value else []


def _engagement_level(person: Person) -> str:
    sent = [each for each, at in person.sends.items() if at > NOW - timedelta(days=365)]
    if len(sent) < 5:
        return "unqualified"
    engaged = [
        each for each in sent if any(kind in ("open", "click") and where == each for kind, where, _ in person.events)
    ]
    share = Decimal(len(engaged)) / len(sent)
    return "high" if share > Decimal("0.6") else "medium" if share > Decimal("0.3") else "low"


def _custom_values(field: Field, person: Person) -> tuple[str, list[Any]]:
    value = person.custom.get(field.key)
    match field.type:
        case "number":
            return "number", [Decimal(value)] if value else []
        case "date" if field.version == 2:
            return "day", [date.fromisoformat(value)] if value else []
        case "datetime":
            return "moment", [datetime.fromisoformat(value)] if value else []
        case "boolean":
            return "choice", [value] if value else []
        case "single_select" | "multi_select":
            pairs = [(str(each), field.choices[each - 1].lower()) for each in value or [] if each <= len(field.choices)]
            return "choices", pairs
    return "text", [value] if value and value.strip() else []


def _texts(node: dict[str, Any]) -> list[str]:
    value = node.get("value", [])
    return [str(each).strip() for each in (value if isinstance(value, list) else [value])]
