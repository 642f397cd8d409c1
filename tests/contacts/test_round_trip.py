"""Any valid contact comes back as it was sent, and PUT of what GET said changes nothing."""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.api import Api
from tests.support.fixtures import Account

INCLUDE = "custom_fields,list_memberships,phone_numbers,street_addresses,notes,taggings,sms_channel"
FIELDS = ("string", "text_area", "date", "datetime", "number", "currency", "boolean", "single_select", "multi_select")


def text(at_most: int) -> st.SearchStrategy[str]:
    """Text without control characters, blanks at its ends or halves of a surrogate pair."""
    letters = st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\x85\u2028\u2029")
    return st.text(letters, min_size=1, max_size=at_most).map(str.strip).filter(bool)


def optional(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


PHONES = st.lists(
    st.fixed_dictionaries({"phone_number": text(25), "kind": st.sampled_from(["home", "work", "mobile", "other"])}),
    max_size=3,
)
ADDRESSES = st.lists(
    st.tuples(
        st.sampled_from(["home", "work", "other"]).map(lambda kind: {"kind": kind}),
        # Longer than a code, so that nothing is written out.
        optional(
            street=text(255), city=text(50), postal_code=text(50), country=st.just("Norway"), state=st.just("Oslo")
        ),
    ).map(lambda parts: {**parts[0], **parts[1]}),
    max_size=3,
)
NOTES = st.lists(st.fixed_dictionaries({"content": text(2000)}), max_size=4)
VALUES = optional(
    string=text(255),
    text_area=text(2000),
    date=st.dates().filter(lambda day: day.year > 999).map(str),
    datetime=st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
    number=st.integers(min_value=0, max_value=10**20).map(str),
    currency=st.integers(min_value=-(10**9), max_value=10**9).map(lambda cents: f"{cents}.5"),
    boolean=st.sampled_from(["true", "false"]),
    single_select=st.sampled_from([["1"], ["2"], ["3"]]),
    multi_select=st.sets(st.sampled_from(["1", "2", "3"]), min_size=1).map(sorted),
)
CONTACTS = optional(
    last_name=text(50),
    job_title=text(50),
    company_name=text(50),
    anniversary=st.dates(min_value=date(1901, 1, 1), max_value=date(2030, 1, 1)).map(str),
    phone_numbers=PHONES,
    street_addresses=ADDRESSES,
    notes=NOTES,
    birthday=st.dates(min_value=date(2024, 1, 1), max_value=date(2024, 12, 31)).map(lambda day: (day.month, day.day)),
    values=VALUES,
    tags=st.sets(st.sampled_from([0, 1, 2])),
    sms=st.tuples(
        st.integers(min_value=2 * 10**9, max_value=10**10 - 1),
        st.sampled_from(["explicit", "unsubscribed", "pending_confirmation", "not_set"]),
    ),
)


def without_ids(items: list[dict[str, Any]], *extra: str) -> list[dict[str, Any]]:
    own = ("created_at", "updated_at", "create_source", "update_source", *extra)
    return [{name: value for name, value in item.items() if name not in own} for item in items]


@pytest.fixture
async def known(api: Api) -> dict[str, list[str]]:
    """The ids of three tags, and of a custom field of every type in the order of FIELDS."""
    tags = [await api.post("/v3/contact_tags", {"name": f"Tag {number}"}) for number in range(3)]
    choices = {"metadata": {"display_type": "checkbox"}, "choices": [{"choice_label": label} for label in "abc"]}
    fields = [
        await api.post(
            "/v3/contact_custom_fields", {"label": kind, "type": kind, **(choices if "select" in kind else {})}
        )
        for kind in FIELDS
    ]
    return {
        "tags": [made.body["tag_id"] for made in tags],
        "fields": [made.body["custom_field_id"] for made in fields],
    }


def body_of(drawn: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """A drawn contact as a request says it."""
    body = {name: value for name, value in drawn.items() if name not in ("birthday", "values", "tags", "sms")}
    if "birthday" in drawn:
        body["birthday_month"], body["birthday_day"] = drawn["birthday"]
    if "values" in drawn:
        body["custom_fields"] = [
            {"custom_field_id": field_id, "choice_ids" if "select" in kind else "value": drawn["values"][kind]}
            for kind, field_id in zip(FIELDS, known["fields"], strict=True)
            if kind in drawn["values"]
        ]
    if "tags" in drawn:
        body["taggings"] = [known["tags"][number] for number in sorted(drawn["tags"])]
    if "sms" in drawn:
        number, permission = drawn["sms"]
        consent = {"sms_consent_permission": permission, "consent_type": "promotional_sms"}
        body["sms_channel"] = {"full_sms_address": f"1{number}", "sms_channel_consents": [consent]}
    return body


@given(drawn=CONTACTS, source=st.sampled_from(["Account", "Contact"]))
@settings(max_examples=60)
async def test_any_contact_comes_back_as_sent(
    api: Api, account: Account, clock: Any, known: dict[str, list[str]], drawn: dict[str, Any], source: str
) -> None:
    sent = body_of(drawn, known)
    body = {
        **sent,
        "create_source": source,
        "first_name": "Ada",
        "email_address": {"address": f"{uuid4().hex}@example.com"},
        "list_memberships": [str(account.list_id)],
    }

    made = await api.post("/v3/contacts", body)
    if made.status == 409:
        return  # the number was drawn before, and is somebody's
    assert made.status == 201, made
    path = f"/v3/contacts/{made.body['contact_id']}"
    read = (await api.get(path, params={"include": INCLUDE})).body
    put = await api.put(path, {**read, "sms_channel": sent.get("sms_channel"), "update_source": "Account"})

    for name in ("last_name", "job_title", "company_name", "anniversary", "birthday_month", "birthday_day"):
        assert sent.get(name) == read.get(name)
    for name in ("custom_fields", "taggings"):
        assert sent.get(name, []) == read[name]
    assert sent.get("phone_numbers", []) == without_ids(read["phone_numbers"], "phone_number_id")
    assert sent.get("street_addresses", []) == without_ids(read["street_addresses"], "street_address_id")
    assert sent.get("notes", []) == without_ids(read["notes"], "note_id")
    assert drawn.get("sms") == texted(read)
    assert set(body) <= set(made.body)
    if "sms" in drawn:
        read["sms_channel"]["update_source"] = "Account"
    assert {**read, "update_source": "Account"} == put.body


def texted(read: dict[str, Any]) -> tuple[int, str] | None:
    channel = read.get("sms_channel")
    return channel and (int(channel["sms_address"]), channel["sms_channel_consents"][0]["sms_consent_permission"])
