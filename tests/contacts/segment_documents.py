"""Valid criteria documents over the names of `segment_world`, for hypothesis to draw."""

from typing import Any

from hypothesis import strategies as st

from tests.contacts.segment_world import ACTIVITIES, CAMPAIGNS, FIELDS, LISTS, TAGS, UNKNOWN

Strategy = st.SearchStrategy[dict[str, Any]]

TEXT_FIELDS = {
    "first_name": ["al", " AL ", "o'neil", "çelik", "Bo"],
    "last_name": ["al", "100%", "_", "quade"],
    "job_title": ["captain", "cap"],
    "company-name": ["tide & co", "Tide"],
    "email": ["p1@example.com", "@gmail.com", "p"],
    "email_domain": ["gmail.com", "EXAMPLE.com"],
    "phone_number": ["555-0100", "0"],
    "notes": ["called", "back"],
    "city": ["salem", "Oslo"],
    "home_city": ["salem", "Oslo"],
    "state": ["MD", "Maryland", "or", "ON"],
    "work_state": ["MD", "Oregon"],
    "country": ["us", "Norway", "Canada"],
    "postal_code": ["97301", "0150"],
    "home_zip": ["97301"],
    "street": ["quarry", "77 quarry row"],
}
CHOICE_FIELDS = {
    "permission_to_send": ["explicit", "Implicit", "unsubscribed", "not_set", "temp_hold", "pending_confirmation"],
    "create_source": ["Account", "contact"],
    "update_source": ["Account", "Contact"],
    "opt_in_source": ["Account", "Contact"],
    "opt_out_source": ["Account", "Contact"],
    "sms_status": ["explicit", "unsubscribed", "pending_confirmation", "not_set"],
    "engagement_level": ["unqualified", "low", "medium", "high"],
}
MOMENT_FIELDS = ["created_at", "date_added", "updated_at", "opt_in_date", "opt_out_date"]
DAYS = ["2026-03-05", "2026-03-04", "2026-02-03", "2026-01-20", "2025-12-31", "2021-03-01", "2020-02-29", "2030-01-01"]


def leaf(**members: Any) -> Strategy:
    """Members that are strategies are drawn; None is left out."""
    drawn = {name: each if isinstance(each, st.SearchStrategy) else st.just(each) for name, each in members.items()}
    return st.fixed_dictionaries(drawn).map(
        lambda node: {name: each for name, each in node.items() if each is not None}
    )


def some(values: list[Any], at_most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=at_most, unique=True)


def one_or_list(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | some(values, 1)


COUNTS = st.sampled_from([1, "2", 30, "45", 400, 1825])
PERIODS = st.one_of(
    st.tuples(st.sampled_from(["last-n-days", "over-n-days-ago"]), COUNTS),
    st.tuples(st.sampled_from(["on", "before", "after"]), st.sampled_from(DAYS)),
    st.just(("between", ["2026-01-20", "2026-02-03"])),
    st.just(("between", "2025-12-31, 2026-03-04")),
)
NEXT = st.tuples(st.just("next-n-days"), COUNTS)
ANY_TIME = st.just(("any-time", None))


def with_period(node: Strategy, periods: st.SearchStrategy[Any], constant: str, operand: str) -> Strategy:
    def join(drawn: tuple[dict[str, Any], tuple[str, Any]]) -> dict[str, Any]:
        rule, (name, value) = drawn
        return {**rule, constant: name, **({} if value is None else {operand: value})}

    return st.tuples(node, periods).map(join)


def texts(field: str, values: list[str], **extra: Any) -> Strategy:
    names = {"source": "contact", "field": field, **extra}
    return st.one_of(
        leaf(**names, op=st.sampled_from(["eq", "not-eq", "is", "not-equals", "contains", "not-contains", "starts-with", "ends-with"]),
             value=one_or_list(values)),
        leaf(**names, op=st.sampled_from(["contains-any", "contains-none", "in", "not-in"]), value=some(values)),
        presence(names),
    )  # fmt: skip


def presence(names: dict[str, Any]) -> Strategy:
    return leaf(**names, op=st.sampled_from(["empty", "not-empty", "is-empty", "is-not-empty"]))


def choices(field: str, values: list[str], *, takes_all: bool = False, **extra: Any) -> Strategy:
    names = {"source": "contact", "field": field, **extra}
    several = ["contains-any", "contains-none", "in"] + (["contains-all"] if takes_all else [])
    return st.one_of(
        leaf(**names, op=st.sampled_from(["eq", "not-eq"]), value=one_or_list(values)),
        leaf(**names, op=st.sampled_from(several), value=some(values)),
        presence(names),
    )


def numbers(field: str, values: list[Any], **extra: Any) -> Strategy:
    names = {"source": "contact", "field": field, **extra}
    return st.one_of(
        leaf(**names, op=st.sampled_from(["eq", "not-eq", "gt", "gte", "lt", "lte", "less-than"]), value=st.sampled_from(values)),
        leaf(**names, op="between", value=st.tuples(*[st.sampled_from(values)] * 2).map(list)),
        presence(names),
    )  # fmt: skip


def dates(field: str, **extra: Any) -> Strategy:
    names = {"source": "contact", "field": field, **extra}
    return st.one_of(
        leaf(**names, op=st.sampled_from(["eq", "not-eq", "before", "after"]), value=st.sampled_from(DAYS)),
        leaf(**names, op="between", value=some(DAYS).filter(lambda days: len(days) == 2).map(sorted)),
        with_period(leaf(**names, op="in-period"), PERIODS | NEXT | ANY_TIME, "const_value", "param"),
        presence(names),
    )


def recurring(field: str) -> Strategy:
    names = {"source": "contact", "field": field}
    eq = ["eq"] if field == "birthday" else ["eq", "not-eq"]
    return st.one_of(
        leaf(**names, op=st.sampled_from(eq), value=st.sampled_from(["03-05", "02/29", "2-28", "2031-12-31"])),
        leaf(**names, op="month-eq", value=st.sampled_from([3, "2", ["12", "1", 2]])),
        with_period(
            leaf(**names, op="in-period"),
            st.tuples(
                st.sampled_from(["last-n-days", "next-n-days"]), st.sampled_from([1, 4, "30", 60, 365, 366, 1825])
            ),
            "const_value",
            "param",
        ),
        presence(names),
    )


def custom_fields() -> Strategy:
    found = []
    for field in FIELDS:
        for name, extra in (
            ("custom_field", {"custom_field_id": str(field.custom_field_id)}),
            (f"cf:{field.name}", {}),
            (str(field.custom_field_id), {}),
        ):
            match field.type:
                case "number":
                    found.append(numbers(name, ["8", 9.5, "12", -3, 0], **extra))
                case "datetime":
                    found.append(dates(name, **extra))
                case "date" if field.version == 2:
                    found.append(dates(name, **extra))
                case "boolean":
                    found.append(choices(name, ["true", "False"], **extra))
                case "single_select" | "multi_select":
                    labels = [*field.choices, "1", "gold", "Nothing"]
                    found.append(choices(name, labels, takes_all=field.type == "multi_select", **extra))
                case _:
                    found.append(texts(name, ["sloop", "100%", "03/05/2026", "å"], **extra))
    found.append(texts("cf:gone", ["x"]))
    found.append(numbers("custom_field", [1], custom_field_id=str(UNKNOWN)))
    return st.one_of(found)


def membership(source: str, ids: list[Any], **extra: Any) -> Strategy:
    known = [str(each) for each in [*ids, UNKNOWN]]
    operators = ["contains-any", "contains-all", "contains-none", "eq"]
    return leaf(
        source=source, op=st.sampled_from(operators), value=some(known) | st.sampled_from(known), **extra
    ) | leaf(source=source, op=st.sampled_from(["empty", "not-empty"]), **extra)


def _tracking_leaf(fields: list[str], operators: list[str], **extra: Any) -> Strategy:
    bare = leaf(source="tracking", field=st.sampled_from(fields), op=st.sampled_from(operators), **extra)
    return bare | with_period(bare, PERIODS | ANY_TIME, "const_date_value", "date_param")


EVENTS = ["sent", "opened", "clicked", "bounced", "forwarded", "opted_out", "opted-out", "not_opened", "not-clicked"]
NAMED = some([str(each) for each in [*ACTIVITIES, *CAMPAIGNS, UNKNOWN]], 4)
TRACKING = st.one_of(
    _tracking_leaf([*EVENTS, "not_sent"], ["contains-any", "contains-all", "contains-none"],
                   const_value="last-n-campaigns", param=st.sampled_from(["1", 2, "5", 500])),
    _tracking_leaf([*EVENTS, "not_sent"], ["contains-any", "contains-all", "contains-none"],
                   const_value=st.sampled_from(["campaigns", "any-campaign", "all-campaigns"])),
    _tracking_leaf([*EVENTS, "not_sent"], ["contains-any", "contains-all", "contains-none"], value=NAMED),
    _tracking_leaf(EVENTS, ["count-at-least"], param=st.sampled_from([1, "2", 4]), const_value="campaigns"),
    _tracking_leaf(EVENTS, ["count-at-least"], param=st.sampled_from([1, "2", 4]), value=NAMED),
)  # fmt: skip
CONTACT = st.one_of(
    st.sampled_from(sorted(TEXT_FIELDS)).flatmap(lambda name: texts(name, TEXT_FIELDS[name])),
    st.sampled_from(sorted(CHOICE_FIELDS)).flatmap(lambda name: choices(name, CHOICE_FIELDS[name])),
    st.sampled_from(MOMENT_FIELDS).flatmap(dates),
    recurring("birthday"),
    recurring("anniversary"),
    st.sampled_from(["before", "after"]).flatmap(
        lambda operator: leaf(source="contact", field="anniversary", op=operator, value=st.sampled_from(DAYS))
    ),
    numbers("birthday_month", [1, "2", 3, 12]),
    numbers("birthday_day", [1, 5, "28", 31]),
    membership("contact", LISTS, field="list_membership"),
)
OR_ONLY = membership("list_membership", LISTS) | membership("tags", TAGS, field="tag_id")
RULES = TRACKING | CONTACT | custom_fields()


def group(type_: str, children: Strategy) -> Strategy:
    return st.lists(children, min_size=1, max_size=3).map(lambda nodes: {"type": type_, "group": nodes})


def groups(inner: Strategy) -> Strategy:
    return group("and", inner) | group("or", inner | OR_ONLY) | group("not", inner | OR_ONLY)


DOCUMENTS = group("and", RULES | OR_ONLY | groups(RULES | groups(RULES))).map(
    lambda top: {"version": "1.0.0", "criteria": top}
)
