"""Rules about a contact itself as formulas: columns, the parts of arrays, custom fields, consent to text messages.

Rules: text is compared without regard to case and blanks around it. PostgreSQL folds both sides, the stored one and
the given one, so that the two always agree. Source: contract, segments.md §5.
"""

from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, assert_never

from everpost.contacts.criteria import comparisons
from everpost.contacts.criteria.comparisons import (
    ChoiceTest,
    Kind,
    MonthTest,
    NumberTest,
    PeriodTest,
    PresenceTest,
    SeasonTest,
    Test,
    TextTest,
    YearlyTest,
)
from everpost.contacts.criteria.contact_fields import ContactField
from everpost.contacts.criteria.formulas import (
    EVERYBODY,
    NOBODY,
    Formula,
    Not,
    Related,
    Row,
    Values,
    negated,
)
from everpost.contacts.criteria.leaves import Refused
from everpost.contacts.criteria.periods import Interval, Period
from everpost.contacts.criteria.references import References, custom_test, kind_of
from everpost.contacts.criteria.tree import ContactRule, CustomFieldRule
from everpost.contacts.custom_fields import SELECT_TYPES, FieldDefinition

_RATED_FOR: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)
_LONGEST_YEAR: Final = 366


def of_field(rule: ContactRule, references: References, values: Values) -> Formula:
    field, test = rule.field, rule.test
    match field.place:
        case "column":
            stored = field.sql if field.is_folded or field.kind != "text" else _folded(field.sql)
            found: Formula = Row(_condition(field.kind, stored, test, values, references.now))
        case "parts":
            found = Row(_of_parts(field, test, values, references.now))
        case "sms_status":
            found = _sms_status(test, values)
        case "engagement_level":
            found = _engagement_level(test, values, references.now)
    return negated(found, test.is_negated)


def of_custom_field(rule: CustomFieldRule, references: References, values: Values) -> Formula:
    field = references.field(rule.reference)
    try:
        test = custom_test(field, rule.leaf) if field is not None else None
    except Refused:  # the field of this name is another one now, of another type
        test = None
    if field is None or test is None:
        return EVERYBODY if comparisons.is_negative(rule.leaf.operator()) else NOBODY
    if field.type in SELECT_TYPES:
        return negated(Row(_of_choices(field, test, values)), test.is_negated)
    kind = kind_of(field)
    value: LiteralString = "(contact.custom_values ->> " + values.add(str(field.field_key)) + ")"
    if kind == "text":
        value = _folded(value)
    elif kind == "number":
        value = value + "::numeric"
    elif kind in ("day", "moment"):
        return negated(Row(_of_date_text(value, kind, test, values, references.now)), test.is_negated)
    return negated(Row(_condition(kind, value, test, values, references.now)), test.is_negated)


def _condition(  # noqa: PLR0911 -- one line per kind of test
    kind: Kind, sql: LiteralString, test: Test, values: Values, now: datetime
) -> LiteralString:
    """The positive test of one value; text comes folded."""
    match test:
        case PresenceTest():
            return sql + " <> ''" if kind == "text" else "(" + sql + ") IS NOT NULL"
        case TextTest():
            return _of_text(sql, test, values)
        case ChoiceTest(choices):
            return sql + " = ANY(" + values.add(list(choices)) + "::text[])"
        case NumberTest():
            return _of_number(sql, test, values)
        case PeriodTest(period):
            return _of_date(kind, sql, period.interval(now), values)
        case YearlyTest(month_day):
            return _month_day(kind, sql) + " = " + values.add(month_day) + "::int"
        case MonthTest(months):
            return _month_day(kind, sql) + " / 100 = ANY(" + values.add(list(months)) + "::int[])"
        case SeasonTest(period):
            return _month_day(kind, sql) + " = ANY(" + values.add(_days_of_year(period, now)) + "::int[])"
        case _:
            assert_never(test)


def _days_of_year(period: Period, now: datetime) -> list[int]:
    """The days, as 100 * month + day, that come round within a period about now.

    29 February counts as 1 March in years that have none.
    """
    first, after = period.interval(now).days()
    assert first is not None
    assert after is not None
    days = [first + _DAY * number for number in range(min((after - first).days, _LONGEST_YEAR))]
    if len(days) == _LONGEST_YEAR:
        # A whole year without a leap day is every day all the same.
        return [month * 100 + day for month in range(1, 13) for day in range(1, 32)]
    found = {day.month * 100 + day.day for day in days}
    for day in days:
        if (day.month, day.day) == (3, 1) and (day - _DAY).day == 28:
            found.add(229)
    return sorted(found)


def _folded(sql: LiteralString) -> LiteralString:
    return "lower(btrim(" + sql + ", E' \\t\\r\\n'))"


def _of_text(sql: LiteralString, test: TextTest, values: Values) -> LiteralString:
    given: list[LiteralString] = [_folded(values.add(text) + "::text") for text in test.texts]
    match test.how:
        case "equals":
            return sql + " = " + given[0] if len(given) == 1 else sql + " = ANY(ARRAY[" + ", ".join(given) + "])"
        case "contains":
            return "strpos(" + sql + ", " + given[0] + ") > 0"
        case "starts":
            return "starts_with(" + sql + ", " + given[0] + ")"
        case "ends":
            return "right(" + sql + ", length(" + given[0] + ")) = " + given[0]


def _of_number(sql: LiteralString, test: NumberTest, values: Values) -> LiteralString:
    numbers: list[LiteralString] = [values.add(number) + "::numeric" for number in test.numbers]
    if test.how == "between":
        return sql + " BETWEEN " + numbers[0] + " AND " + numbers[1]
    return sql + _SIGNS[test.how] + numbers[0]


def _of_date(kind: Kind, sql: LiteralString, interval: Interval, values: Values) -> LiteralString:
    is_moment = kind == "moment"
    first, after = (interval.start, interval.end) if is_moment else interval.days()
    type_: LiteralString = "::timestamptz" if is_moment else "::date"
    return _in_range(sql, first, after, values, type_)


def _of_date_text(sql: LiteralString, kind: Kind, test: Test, values: Values, now: datetime) -> LiteralString:
    """Custom dates lie there as ISO text, which sorts as dates do and needs no cast that could fail."""
    if not isinstance(test, PeriodTest):
        return sql + " IS NOT NULL"
    interval = test.period.interval(now)
    if kind == "moment":
        first, after = (_iso(edge) if edge else None for edge in (interval.start, interval.end))
    else:
        first, after = (edge.isoformat() if edge else None for edge in interval.days())
    return _in_range(sql + ' COLLATE "C"', first, after, values, "::text")


def _iso(edge: datetime) -> str:
    """As custom date-times are stored, in whole seconds: of those, what lies before an edge lies before the next."""
    whole = edge.replace(microsecond=0) + (timedelta(seconds=1) if edge.microsecond else timedelta(0))
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_range(sql: LiteralString, first: Any, after: Any, values: Values, type_: LiteralString) -> LiteralString:
    """From `first` on and before `after`; without either any value will do."""
    edges: list[LiteralString] = []
    if first is not None:
        edges.append(sql + " >= " + values.add(first) + type_)
    if after is not None:
        edges.append(sql + " < " + values.add(after) + type_)
    return " AND ".join(edges) if edges else sql + " IS NOT NULL"


def _month_day(kind: Kind, sql: LiteralString) -> LiteralString:
    if kind == "birthday":
        return "(" + sql + ")"
    return "(extract(month FROM " + sql + ")::int * 100 + extract(day FROM " + sql + ")::int)"


def _of_parts(field: ContactField, test: Test, values: Values, now: datetime) -> LiteralString:
    """One part that meets it will do, and for the negated test none may."""
    parts = "EXISTS (SELECT FROM jsonb_array_elements(" + field.parts + ") AS part WHERE "
    kind: LiteralString = ""
    if field.part_kind is not None:
        kind = "part ->> 'kind' = " + values.add(field.part_kind) + " AND "
    return parts + kind + _condition(field.kind, _folded(field.sql), test, values, now) + ")"


def _of_choices(field: FieldDefinition, test: Test, values: Values) -> LiteralString:
    """Choices are stored by their numbers; a choice that was deleted is no value."""
    key = str(field.field_key)
    present = field.choices or []
    if not isinstance(test, ChoiceTest):
        return _has_choice(key, [choice.choice_id for choice in present], values)
    named = [
        [choice.choice_id for choice in present if text.lower() in (str(choice.choice_id), choice.choice_label.lower())]
        for text in test.choices
    ]
    if not test.wants_all:
        return _has_choice(key, [choice_id for ids in named for choice_id in ids], values)
    return " AND ".join([_has_choice(key, ids, values) for ids in named])


def _has_choice(key: str, choice_ids: list[int], values: Values) -> LiteralString:
    """One of the choices. The operator is the one that the index on custom values knows; so is its condition."""
    if not choice_ids:
        return "FALSE"
    has: list[LiteralString] = [
        "contact.custom_values @> " + values.add({key: [choice_id]}) + "::jsonb" for choice_id in choice_ids
    ]
    return "(" + _HAS_CHOICES + " AND (" + " OR ".join(has) + "))"


def _sms_status(test: Test, values: Values) -> Formula:
    """Who has no channel is not_set."""
    if not isinstance(test, ChoiceTest):
        return EVERYBODY
    if "not_set" not in test.choices:
        return Related(*_SMS, "sms.account_id = :account_id AND sms.permission = ANY(" + _list(test.choices, values))
    return Not(Related(*_SMS, "sms.account_id = :account_id AND sms.permission <> ALL(" + _list(test.choices, values)))


def _engagement_level(test: Test, values: Values, now: datetime) -> Formula:
    """Everybody has one: who was sent too little to tell is unqualified."""
    if not isinstance(test, ChoiceTest):
        return EVERYBODY
    where = "sent.account_id = :account_id AND sent.sent_at > " + values.add(now - _RATED_FOR) + "::timestamptz"
    is_open = "unqualified" in test.choices
    wanted = [each for each in ("low", "medium", "high") if (each in test.choices) is not is_open]
    rated = Related(_SENT, "sent.contact_id", where, _RATED + _list(wanted, values))
    return negated(rated, is_open)


def _list(texts: Any, values: Values) -> LiteralString:
    return values.add(list(texts)) + "::text[])"


# Word for word the condition of the index on custom values: choices are the only arrays in it.
_HAS_CHOICES: Final[LiteralString] = "contact.custom_values::text LIKE '%[%'"
_SIGNS: Final[dict[str, LiteralString]] = {
    "equals": " = ",
    "less": " < ",
    "at_most": " <= ",
    "greater": " > ",
    "at_least": " >= ",
}
_SMS: Final[tuple[LiteralString, LiteralString]] = ("sms_channels AS sms", "sms.contact_id")
_SENT: Final[LiteralString] = """sends AS sent
  LEFT JOIN engagement AS done ON done.account_id = :account_id AND done.contact_id = sent.contact_id
        AND done.campaign_activity_id = sent.campaign_activity_id"""
# In whole numbers, so that exactly 60 % is exact. Source: contract, bulk-activities.md §4.4.
_RATED: Final[LiteralString] = """count(*) >= 5 AND CASE
    WHEN count(*) FILTER (WHERE done.opens > 0 OR done.clicks > 0) * 10 > count(*) * 6 THEN 'high'
    WHEN count(*) FILTER (WHERE done.opens > 0 OR done.clicks > 0) * 10 > count(*) * 3 THEN 'medium'
    ELSE 'low' END = ANY("""
