"""Rules about campaigns as formulas over what was sent and what came of it.

Let T be the campaigns that a rule looks at, S "was sent it" and P "did it". Rules: without any campaign to look at,
rules match nobody, except that everybody was not sent it. Source: contract, segments.md §4.3.
"""

from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from everpost.contacts.criteria.formulas import EVERYBODY, NOBODY, AllOf, Formula, Not, Related, Values
from everpost.contacts.criteria.periods import Interval
from everpost.contacts.criteria.references import References, is_timed_by_send
from everpost.contacts.criteria.tree import Event, TrackingRule


def formula(rule: TrackingRule, references: References, values: Values) -> Formula:
    campaigns = references.campaigns(rule)
    is_not_sent = rule.is_not and rule.event == "sent"
    if not campaigns:
        return EVERYBODY if is_not_sent else NOBODY
    within = Interval()
    if rule.period is not None and not is_timed_by_send(rule):
        within = rule.period.past(references.now)
    facts = _Facts(campaigns, within, values)
    if is_not_sent:
        return facts.at_least(1, "sent") if rule.how == "none" else Not(facts.at_least(1, "sent"))
    return _did_not(rule, facts) if rule.is_not else _did(rule, facts)


def _did(rule: TrackingRule, facts: "_Facts") -> Formula:
    match rule.how:
        case "any":
            return facts.at_least(1, rule.event)
        case "all":
            return facts.at_least(facts.campaigns, rule.event)
        case "none":
            return Not(facts.at_least(1, rule.event))
        case "at_least":
            return facts.at_least(rule.least, rule.event)


def _did_not(rule: TrackingRule, facts: "_Facts") -> Formula:
    """Was sent it and did nothing."""
    did = facts.at_least(1, rule.event)
    match rule.how:
        case "any":
            return AllOf([facts.at_least(1, "sent"), Not(did)])
        case "all":
            return AllOf([facts.at_least(facts.campaigns, "sent"), Not(did)])
        case "none":
            return Not(AllOf([facts.at_least(1, "sent"), Not(did)]))
        case "at_least":
            return facts.at_least_sent_without(rule.least, rule.event)


class _Facts:
    """What happened with these campaigns, within an interval."""

    def __init__(self, campaigns: list[UUID], within: Interval, values: Values) -> None:
        self.campaigns = len(campaigns)
        self._values = values
        self._within = within
        self._ids: LiteralString = values.add(campaigns)

    def at_least(self, count: int, event: Event) -> Related:
        """The event happened with `count` campaigns or more."""
        if count > self.campaigns:
            return _NO_ROWS
        match event:
            case "sent":
                found = self._sends("")
            case "opened":
                found = self._engagement("open")
            case "clicked":
                found = self._engagement("click")
            case "bounced" | "forwarded" | "opted_out":
                found = self._events(_EVENT_KINDS[event])
        if count == 1:
            return found
        having = "count(DISTINCT fact.campaign_activity_id) >= " + self._values.add(count)
        return Related(found.source, found.contact_id, found.where, having)

    def at_least_sent_without(self, count: int, event: Event) -> Related:
        """Was sent `count` campaigns or more with which nothing happened."""
        if count > self.campaigns:
            return _NO_ROWS
        did: LiteralString = "done.first_opened_at" if event == "opened" else "done.first_clicked_at"
        sends = self._sends(_WITHOUT + did + " IS NOT NULL)")
        return Related(sends.source, sends.contact_id, sends.where, "count(*) >= " + self._values.add(count))

    def _sends(self, condition: LiteralString) -> Related:
        return Related("sends AS fact", "fact.contact_id", _OF_CAMPAIGNS + self._ids + "::uuid[])" + condition)

    def _engagement(self, kind: LiteralString) -> Related:
        # The very condition of the index that has all this in order.
        where = _OF_CAMPAIGNS + self._ids + "::uuid[]) AND " + _TIMES[kind][0] + " IS NOT NULL"
        where += self._happened_within(kind)
        return Related("engagement AS fact", "fact.contact_id", where)

    def _events(self, kind: LiteralString) -> Related:
        where = _OF_CAMPAIGNS + self._ids + "::uuid[]) AND fact.kind = '" + kind + "' AND NOT fact.is_machine"
        return Related("tracking_events AS fact", "fact.contact_id", where + self._between("fact.created_at"))

    def _between(self, moment: LiteralString) -> LiteralString:
        condition: LiteralString = ""
        if self._within.start is not None:
            condition += " AND " + moment + " >= " + self._moment(self._within.start)
        if self._within.end is not None:
            condition += " AND " + moment + " < " + self._moment(self._within.end)
        return condition

    def _happened_within(self, kind: LiteralString) -> LiteralString:
        """First and last time are at hand; only who came before and after the interval is looked up in the events."""
        first, last = _TIMES[kind]
        if self._within.end is None:
            return self._between(last)
        if self._within.start is None:
            return self._between(first)
        start, end = self._moment(self._within.start), self._moment(self._within.end)
        return (
            " AND " + first + " < " + end + " AND " + last + " >= " + start
            + " AND (" + first + " >= " + start + " OR " + last + " < " + end
            + " OR EXISTS (" + _EVENT_OF_FACT + kind + "' AND event.created_at >= " + start
            + " AND event.created_at < " + end + "))"
        )  # fmt: skip

    def _moment(self, moment: datetime) -> LiteralString:
        return self._values.add(moment) + "::timestamptz"


_NO_ROWS: Final = Related("sends AS fact", "fact.contact_id", "FALSE")
_TIMES: Final[dict[LiteralString, tuple[LiteralString, LiteralString]]] = {
    "open": ("fact.first_opened_at", "fact.last_opened_at"),
    "click": ("fact.first_clicked_at", "fact.last_clicked_at"),
}
_EVENT_KINDS: Final[dict[Event, LiteralString]] = {"bounced": "bounce", "forwarded": "forward", "opted_out": "optout"}

_OF_CAMPAIGNS: Final[LiteralString] = "fact.account_id = :account_id AND fact.campaign_activity_id = ANY("

_WITHOUT: Final[LiteralString] = """ AND NOT EXISTS (
    SELECT FROM engagement AS done
     WHERE done.account_id = :account_id AND done.campaign_activity_id = fact.campaign_activity_id
       AND done.contact_id = fact.contact_id AND """

_EVENT_OF_FACT: Final[LiteralString] = """
    SELECT FROM tracking_events AS event
     WHERE event.account_id = :account_id AND event.campaign_activity_id = fact.campaign_activity_id
       AND event.contact_id = fact.contact_id AND NOT event.is_machine AND event.kind = '"""
