"""Checking a chunk of an import, column by column, and turning text into what is stored.

Rules: a row with any problem is not imported; each problem is a line of text; the row counts once, as correctable when
a person could mend it by its look (address, date, no identity), else as an error. Rows of one identity are folded into
one: of each cell the last that is not blank counts. Source: contract, bulk-activities.md §1.6, §3.3, §3.5.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from everpost.activities import csv_columns
from everpost.activities.chunks import LINE, Chunk, Told
from everpost.contacts import anniversaries, birthdays, custom_values, email_addresses
from everpost.contacts.custom_fields import FieldDefinition

KEY: Final = "email_key"
TIMES: Final = "times"  # how many rows of the file a folded row stands for
CUSTOM: Final = "custom_values"
SMS: Final = "sms_number"
SMS_DATE: Final = "sms_consent_date"
SMS_DATE_AS_SENT: Final = "sms_consent_date as sent"

_LONGEST_TEXT: Final = 50
_LONGEST_PHONE: Final = 25
_LONGEST_STREET: Final = 255
_LONGEST_NUMBER: Final = 16
_NUMBER: Final = r"^(\+?1[ -]?)?(\d{10}|\d{3}-\d{3}-\d{4})$"
_TEXT_TYPES: Final = ("string", "text_area")
_CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_TO_BE_ESCAPED: Final = r'["\\\x00-\x1f]'
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
# Outlook's way of writing that there is no date.
_NO_DATES: Final = ("0/0/00", "0/0/0000")


class Checked(Struct, frozen=True, kw_only=True):
    """What may be imported: one row per identity, in the order of their first rows.

    Columns: line, email, email_key, times, custom_values (jsonb's own text, null for none), and as far as the file has
    them texts, birthday_month, birthday_day, anniversary, and phones and address parts as text.
    """

    rows: pl.DataFrame
    texted: pl.DataFrame | None  # all rows of those with a number for text messages, not folded
    errors: list[Told]
    rejected: dict[int, list[str]]  # what is wrong with the rows that are not imported, by line
    person_count: int
    error_count: int
    correctable_count: int


class _Rule(Struct, frozen=True):
    text: str
    is_correctable: bool
    failing: pl.Expr


def check(chunk: Chunk, fields: Mapping[str, FieldDefinition], *, label: str) -> Checked:
    """`fields` by the chunk's `cf:` columns (those without one are ignored); `label`: Line or Item."""
    rows = _with_identity(chunk.rows)
    rows, rules = _read_dates(rows)
    custom = {column: field for column, field in fields.items() if column in rows.columns}
    rows, custom_rules = _read_custom(rows, custom)
    rules = [*_rules(rows, chunk.has_control_characters), *rules, *custom_rules]
    rows, problems, correctable, wrong = _sift(rows, rules)
    problems = sorted([*chunk.unreadable, *problems], key=lambda problem: problem[0])
    rejected: dict[int, list[str]] = {}
    for line, text in problems:
        rejected.setdefault(line, []).append(text)
    rows, texted = _without_texted(rows)
    return Checked(
        rows=_with_custom_values(_fold(rows), custom),
        texted=None if texted is None else _with_custom_values(texted.with_columns(pl.lit(1).alias(TIMES)), custom),
        errors=[(line, f"{label} {line}: {text}") for line, text in problems],
        rejected=rejected,
        person_count=chunk.rows_count,
        error_count=wrong + len(chunk.unreadable),
        correctable_count=correctable,
    )


def _with_identity(rows: pl.DataFrame) -> pl.DataFrame:
    """With what tells one person from another: the address, else the number."""
    if "email" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias("email"))
    rows = rows.with_columns(pl.col("email").str.to_lowercase().alias(KEY))
    if SMS not in rows.columns:
        return rows
    is_number = pl.col(SMS).str.contains(_NUMBER) & (pl.col(SMS).str.len_chars() <= _LONGEST_NUMBER)
    digits = pl.col(SMS).str.replace_all(r"\D", "").str.slice(-10)
    rows = rows.with_columns(pl.when(is_number).then(digits).otherwise(pl.col(SMS)).alias(SMS))
    return rows.with_columns(pl.coalesce(KEY, pl.lit("+1") + pl.col(SMS)).alias(KEY))


def _read_dates(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[_Rule]]:
    """Birthdays as two numbers and anniversaries as dates, with the rules for what could not be read."""
    rules: list[_Rule] = []
    if csv_columns.BIRTHDAY in rows.columns:
        rows = _split_birthdays(rows)
    if "birthday_month" in rows.columns or "birthday_day" in rows.columns:
        rows, rule = _read_birthdays(rows)
        rules.append(rule)
    if "anniversary" in rows.columns:
        text = rows["anniversary"]
        rows = rows.with_columns(pl.col("anniversary").replace(list(_NO_DATES), None))
        given = rows["anniversary"].is_not_null()
        rows = rows.with_columns(_mapped(text, anniversaries.parse, pl.Date).alias("anniversary"))
        rules.append(_Rule("Invalid anniversary", True, pl.lit(given) & pl.col("anniversary").is_null()))
    if SMS in rows.columns and SMS_DATE in rows.columns:
        text = rows[SMS_DATE]
        rows = rows.with_columns(
            _mapped(text, anniversaries.parse, pl.Date).alias(SMS_DATE), text.alias(SMS_DATE_AS_SENT)
        )
        is_given = pl.lit(text.is_not_null()) & pl.col(SMS).is_not_null()
        rules.append(_Rule("Invalid SMS consent date", False, is_given & pl.col(SMS_DATE).is_null()))
    return rows, rules


def _split_birthdays(rows: pl.DataFrame) -> pl.DataFrame:
    """What other programs write in one cell, in two columns; what is no date there is nobody's mistake."""
    texts = rows[csv_columns.BIRTHDAY]
    days = _mapped(texts, lambda text: "/".join(map(str, birthdays.read(text) or ())) or None, pl.String)
    parts = days.str.split_exact("/", 1).struct.rename_fields(["birthday_month", "birthday_day"]).struct.unnest()
    return rows.drop(csv_columns.BIRTHDAY).hstack(parts)


def _read_birthdays(rows: pl.DataFrame) -> tuple[pl.DataFrame, _Rule]:
    for column in ("birthday_month", "birthday_day"):
        if column not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(column))
    texts = rows.select("birthday_month", "birthday_day")
    given = texts.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    rows = rows.with_columns(pl.col("birthday_month", "birthday_day").cast(pl.Int16, strict=False))
    days = [(month, day) for month in range(1, 13) for day in range(1, 32) if birthdays.is_day_of(month, day)]
    is_day = (pl.col("birthday_month") * 100 + pl.col("birthday_day")).is_in([month * 100 + day for month, day in days])
    return rows, _Rule("Invalid birthday", True, pl.lit(given) & ~is_day.fill_null(False))


def _read_custom(rows: pl.DataFrame, fields: Mapping[str, FieldDefinition]) -> tuple[pl.DataFrame, list[_Rule]]:
    """The cells of custom fields as JSON; of types other than text each different cell is read once."""
    rules: list[_Rule] = []
    for column, field in fields.items():
        longest = custom_values.MAX_TEXT_AREA_LENGTH if field.type == "text_area" else custom_values.MAX_LENGTH
        given = rows[column]
        is_long = given.str.len_chars() > longest
        rules.append(_Rule(f"Value too long for {column}", False, pl.lit(is_long)))
        if field.type in _TEXT_TYPES:
            rows = rows.with_columns(_quoted(given).alias(column))
        else:
            rows = rows.with_columns(_mapped(given, _reader(field), pl.String).alias(column))
            is_unread = pl.lit(given.is_not_null() & ~is_long) & pl.col(column).is_null()
            rules.append(_Rule(f"Invalid value for {column}", False, is_unread))
    return rows, rules


def _reader(field: FieldDefinition) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        try:
            return msgspec.json.encode(custom_values.parse(text, field)).decode()
        except custom_values.NotAValue:
            return None

    return read


def _rules(rows: pl.DataFrame, has_control_characters: bool) -> Iterator[_Rule]:
    """The rules for cells that stay text."""
    email = pl.col("email")
    is_long = email.str.len_chars() > email_addresses.MAX_LENGTH
    yield _Rule("Invalid email address", True, ~email.str.contains(email_addresses.PATTERN) & ~is_long)
    yield _Rule("Value too long for email", False, is_long)
    yield from _identity_rules(rows)
    for column in (*csv_columns.TEXTS, *csv_columns.PHONES):
        longest = _LONGEST_PHONE if column in csv_columns.PHONES else _LONGEST_TEXT
        if column in rows.columns:
            yield _Rule(f"Value too long for {column}", False, pl.col(column).str.len_chars() > longest)
    yield from _address_rules(rows)
    if has_control_characters:
        for column, kind in rows.schema.items():
            if kind == pl.String and column != KEY:
                yield _Rule(f"Invalid value for {column}", False, pl.col(column).str.contains(_CONTROL))


def _identity_rules(rows: pl.DataFrame) -> Iterator[_Rule]:
    nobody = pl.col("email").is_null()
    if SMS in rows.columns:
        yield _Rule("Invalid SMS number", False, ~pl.col(SMS).str.contains(r"^\d{10}$"))
        nobody = nobody & pl.col(SMS).is_null()
    # Who has a name only cannot be imported either: nothing would tell the contact from others of that name.
    yield _Rule("No email address, SMS number or name", True, nobody)


def _address_rules(rows: pl.DataFrame) -> Iterator[_Rule]:
    for prefix in csv_columns.ADDRESSES:
        street, second = f"{prefix}street", f"{prefix}street2"
        lines = [pl.col(column) for column in (street, second) if column in rows.columns]
        if lines:
            joined = pl.concat_str(lines, separator=", ", ignore_nulls=True)
            yield _Rule(f"Value too long for {street}", False, joined.str.len_chars() > _LONGEST_STREET)
        for part in ("city", "state", "zip", "country"):
            if f"{prefix}{part}" in rows.columns:
                is_long = pl.col(f"{prefix}{part}").str.len_chars() > _LONGEST_TEXT
                yield _Rule(f"Value too long for {prefix}{part}", False, is_long)


def _sift(rows: pl.DataFrame, rules: Sequence[_Rule]) -> tuple[pl.DataFrame, list[tuple[int, str]], int, int]:
    """The rows without a problem, all problems by their lines, and how many rows were correctable and wrong."""
    found = rows.select(
        pl.col(LINE), *(rule.failing.fill_null(False).alias(str(index)) for index, rule in enumerate(rules))
    )
    bad = found.select(pl.any_horizontal(pl.exclude(LINE))).to_series()
    if not bad.any():
        return rows, [], 0, 0
    problems: list[tuple[int, str]] = []
    correctable = 0
    for line, *failing in found.filter(bad).iter_rows():
        broken = [rule for rule, fails in zip(rules, failing, strict=True) if fails]
        problems += [(line, rule.text) for rule in broken]
        correctable += any(rule.is_correctable for rule in broken)
    return rows.filter(~bad), problems, correctable, int(bad.sum()) - correctable


def _without_texted(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Apart from the others the rows of those who have a number in one of them."""
    if SMS not in rows.columns or not rows[SMS].count():
        return rows, None
    is_texted = pl.col(KEY).is_in(rows.filter(pl.col(SMS).is_not_null())[KEY].implode())
    return rows.filter(~is_texted), rows.filter(is_texted)


def _fold(rows: pl.DataFrame) -> pl.DataFrame:
    if rows[KEY].n_unique() == len(rows):
        return rows.with_columns(pl.lit(1).alias(TIMES))
    return rows.group_by(KEY, maintain_order=True).agg(
        pl.exclude(KEY).drop_nulls().last(), pl.len().cast(pl.Int32).alias(TIMES)
    )


def _with_custom_values(rows: pl.DataFrame, fields: Mapping[str, FieldDefinition]) -> pl.DataFrame:
    """One column for all custom fields, spelt as jsonb spells it: keys by length, then by their digits."""
    by_key: dict[int, list[str]] = {}
    for column, field in fields.items():
        by_key.setdefault(field.field_key, []).append(column)
    members = [
        pl.lit(f'"{key}": ') + pl.coalesce([pl.col(column) for column in reversed(columns)])
        for key, columns in sorted(by_key.items())
    ]
    if not members:
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(CUSTOM))
    joined = pl.concat_str(members, separator=", ", ignore_nulls=True)
    filled = pl.when(joined != "").then(pl.lit("{") + joined + pl.lit("}"))
    return rows.with_columns(filled.alias(CUSTOM)).drop(list(fields))


def _quoted(texts: pl.Series) -> pl.Series:
    """Texts as JSON strings."""
    if texts.str.contains(_TO_BE_ESCAPED).any():
        for character, escape in _ESCAPES:
            texts = texts.str.replace_all(character, escape, literal=True)
    return pl.select(pl.lit('"') + texts + pl.lit('"')).to_series()


def _mapped(texts: pl.Series, read: Callable[[str], Any], dtype: Any) -> pl.Series:
    """Each different text read once; None for what could not be read."""
    different = texts.drop_nulls().unique()
    values = pl.Series([read(text) for text in different], dtype=dtype)
    if different.is_empty():
        return pl.Series([None] * len(texts), dtype=dtype)
    return texts.replace_strict(different, values, default=None, return_dtype=dtype)
