"""Any valid contact comes back as it was sent, and PUT of what GET said changes nothing."""

from datetime import date
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api
from tests.support.fixtures import Account

INCLUDE = "custom_fields,list_memberships,phone_numbers,street_addresses,notes,taggings"


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
CONTACTS = optional(
    last_name=text(50),
    job_title=text(50),
    company_name=text(50),
    anniversary=st.dates(min_value=date(1901, 1, 1), max_value=date(2030, 1, 1)).map(str),
    phone_numbers=PHONES,
    street_addresses=ADDRESSES,
    notes=NOTES,
)


def without_ids(items: list[dict[str, Any]], *extra: str) -> list[dict[str, Any]]:
    own = ("created_at", "updated_at", "create_source", "update_source", *extra)
    return [{name: value for name, value in item.items() if name not in own} for item in items]


@given(sent=CONTACTS, source=st.sampled_from(["Account", "Contact"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_contact_comes_back_as_sent(
    api: Api, account: Account, clock: Any, sent: dict[str, Any], source: str
) -> None:
    address = f"{uuid4().hex}@example.com"
    body = {
        **sent,
        "create_source": source,
        "first_name": "Ada",
        "email_address": {"address": address},
        "list_memberships": [str(account.list_id)],
    }

    made = await api.post("/v3/contacts", body)
    assert made.status == 201, made
    path = f"/v3/contacts/{made.body['contact_id']}"
    read = (await api.get(path, params={"include": INCLUDE})).body
    put = await api.put(path, {**read, "update_source": "Account"})

    for name in ("last_name", "job_title", "company_name", "anniversary"):
        assert sent.get(name) == read.get(name)
    assert sent.get("phone_numbers", []) == without_ids(read["phone_numbers"], "phone_number_id")
    assert sent.get("street_addresses", []) == without_ids(read["street_addresses"], "street_address_id")
    assert sent.get("notes", []) == without_ids(read["notes"], "note_id")
    assert set(body) <= set(made.body)
    assert {**read, "update_source": "Account"} == put.body
