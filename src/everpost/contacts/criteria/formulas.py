"""What rules become: true or false of one row of `contacts`, or a set of contact ids in another table.

Two ways to SQL, which mean the same. A *condition* is asked of one contact at a time (EXISTS with its id): cheap while
other conditions leave few. *Members* are collected as a whole (a SELECT of ids; "or" is UNION, "not" an anti-join):
cheap while many are left. A missing value makes a condition NULL, which is nobody, and IS NOT TRUE is everybody else.
"""

from collections.abc import Sequence
from typing import Any, Final, LiteralString, TypeAlias

from msgspec import Struct


class Row(Struct, frozen=True):
    """A condition on the row `contact`."""

    sql: LiteralString


class Related(Struct, frozen=True):
    """Contacts with rows in other tables: where they come from, which column names the contact, which rows count.

    With `having`, a contact's rows must meet that together.
    """

    source: LiteralString
    contact_id: LiteralString
    where: LiteralString
    having: LiteralString = ""


class AllOf(Struct, frozen=True):
    parts: Sequence["Formula"]


class OneOf(Struct, frozen=True):
    parts: Sequence["Formula"]


class Not(Struct, frozen=True):
    part: "Formula"


Formula: TypeAlias = Row | Related | AllOf | OneOf | Not

EVERYBODY: Final = Row("TRUE")
NOBODY: Final = Row("FALSE")

_CONTACTS: Final[LiteralString] = """SELECT contact.contact_id
  FROM contacts AS contact
 WHERE contact.account_id = :account_id AND contact.deleted_at IS NULL AND """


class Values:
    """The values of a statement; each gets a name of its own."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def add(self, value: Any) -> LiteralString:
        """Keep a value and return how SQL names it."""
        # Spelled from literals, so that the type checker sees that no text from outside gets into a statement.
        name: LiteralString = "segment_" + "".join(_DIGITS[int(digit)] for digit in str(len(self.named)))
        self.named[name] = value
        return ":" + name


def negated(formula: Formula, is_negated: bool) -> Formula:
    return Not(formula) if is_negated else formula


def one_by_one(formula: Formula) -> LiteralString:
    """The contacts of whom it is true, each asked by itself."""
    return _CONTACTS + _condition(formula)


def as_sets(formula: Formula) -> LiteralString:
    """The contacts of whom it is true, found from the sets it is made of."""
    return _CONTACTS + _joined(formula)


def of_rows(formula: Formula) -> LiteralString:
    """The contacts whom conditions on the row alone leave: more than it is true of, and whom it is asked of."""
    parts = formula.parts if isinstance(formula, AllOf) else [formula]
    return _CONTACTS + " AND ".join(["TRUE", *[_condition(part) for part in parts if _is_of_row(part)]])


def _condition(formula: Formula) -> LiteralString:  # noqa: PLR0911 -- one line per shape
    """True of the row `contact`, or not true: NULL is possible."""
    match formula:
        case Row(sql):
            return "(" + sql + ")"
        case Related():
            return "EXISTS (" + _rows_of_contact(formula) + ")"
        case Not(Related() as part):
            return "NOT EXISTS (" + _rows_of_contact(part) + ")"
        case Not(OneOf(parts)):
            return _condition(AllOf([Not(part) for part in parts]))
        case Not(Not(part)):
            return _condition(part)
        case Not(part):
            return "(" + _condition(part) + " IS NOT TRUE)"
        case AllOf(parts):
            return "(" + " AND ".join([_condition(part) for part in parts]) + ")"
        case OneOf(parts):
            return "(" + " OR ".join([_condition(part) for part in parts]) + ")"


def _joined(formula: Formula) -> LiteralString:
    """A condition whose parts the planner can turn into joins."""
    match formula:
        case AllOf(parts):
            return " AND ".join([_joined(part) for part in parts])
        case Not(OneOf(parts)):
            return " AND ".join([_joined(Not(part)) for part in parts])
        case Not(Not(part)):
            return _joined(part)
        case _ if _is_of_row(formula):
            return _condition(formula)
        case Not(part):
            # NOT IN would build the whole set in memory; this is an anti-join.
            return "NOT EXISTS (SELECT FROM (" + _members(part) + ") AS met WHERE met.contact_id = contact.contact_id)"
        case _:
            return "contact.contact_id IN (" + _members(formula) + ")"


def _members(formula: Formula) -> LiteralString:
    match formula:
        case Related(having=""):
            return (
                "SELECT " + formula.contact_id + " AS contact_id"  # noqa: S608 -- every part is a literal
                " FROM " + formula.source + " WHERE " + formula.where
            )  # fmt: skip
        case Related():
            return _members(_ungrouped(formula)) + " GROUP BY " + formula.contact_id + " HAVING " + formula.having
        case OneOf(parts):
            return " UNION ".join(["(" + _members(part) + ")" for part in _with_rows_together(parts)])
        case _:
            return as_sets(formula)


def _with_rows_together(parts: Sequence[Formula]) -> list[Formula]:
    """What asks the row alone as one part, so that the table is read once for all of that."""
    of_row = [part for part in parts if _is_of_row(part)]
    others = [part for part in parts if not _is_of_row(part)]
    return [*others, Row(_condition(OneOf(of_row)))] if of_row else others


def _is_of_row(formula: Formula) -> bool:
    match formula:
        case Row():
            return True
        case Related():
            return False
        case Not(part):
            return _is_of_row(part)
        case AllOf(parts) | OneOf(parts):
            return all(map(_is_of_row, parts))


def _rows_of_contact(related: Related) -> LiteralString:
    rows = (
        "SELECT FROM " + related.source + " WHERE " + related.where
        + " AND " + related.contact_id + " = contact.contact_id"
    )  # fmt: skip
    return rows + " HAVING " + related.having if related.having else rows


def _ungrouped(related: Related) -> Related:
    return Related(related.source, related.contact_id, related.where)


_DIGITS: Final[tuple[LiteralString, ...]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
