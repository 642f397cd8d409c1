"""What the doors answer, read by the models of the official package: nothing is missing and nothing has another name.

Campaigns and reports are read in test_official_models.py of their own tests.
"""

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.fixtures import Account
from tests.support.official import misread, models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

EVERYTHING = {"include": "custom_fields,list_memberships,phone_numbers,street_addresses,notes,taggings"}


@pytest.fixture
async def odile(api: Api, account: Account) -> str:
    """A contact with every part there is."""
    field = await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "string"})
    body = {
        "create_source": "Account", "first_name": "Odile", "last_name": "Farrant", "job_title": "Skipper",
        "company_name": "Kestrel", "birthday_month": 4, "birthday_day": 30, "anniversary": "2021-09-03",
        "email_address": {"address": "odile@example.com", "permission_to_send": "implicit"},
        "phone_numbers": [{"phone_number": "555-0142", "kind": "work"}], "notes": [{"content": "x"}],
        "street_addresses": [{"kind": "home", "street": "1 Quay", "city": "Salem", "state": "OR", "postal_code": "97301",
                              "country": "US"}],
        "custom_fields": [{"custom_field_id": field.body["custom_field_id"], "value": "Gull"}],
        "list_memberships": [str(account.list_id)],
    }  # fmt: skip
    answer = await api.post("/v3/contacts", body)
    assert [] == misread(models.GetContactById200Response, answer, 201)
    return str(answer.body["contact_id"])


async def test_contacts_are_read_in_full(api: Api, odile: str) -> None:
    found = await api.get("/v3/contacts", {**EVERYTHING, "include_count": "true", "limit": "1"})
    assert "_links" in found.body
    assert [] == misread(models.GetAllContacts200Response, found)
    assert [] == misread(models.GetContactById200Response, await api.get(f"/v3/contacts/{odile}", EVERYTHING))


async def test_a_contact_in_its_last_states_is_read_in_full(api: Api, odile: str) -> None:
    out = {"address": "odile@example.com", "permission_to_send": "unsubscribed", "opt_out_reason": "Too many"}
    body = {"update_source": "Contact", "first_name": "Odile", "email_address": out}
    assert [] == misread(models.GetContactById200Response, await api.put(f"/v3/contacts/{odile}", body))
    await api.delete(f"/v3/contacts/{odile}")
    assert [] == misread(models.GetContactById200Response, await api.get(f"/v3/contacts/{odile}", EVERYTHING))


async def test_what_belongs_to_contacts_is_read_in_full(api: Api, account: Account, odile: str) -> None:
    form = {"email_address": "odile@example.com", "list_memberships": [str(account.list_id)]}
    signed_up = await api.post("/v3/contacts/sign_up_form", form)
    assert [] == misread(models.CreateOrUpdateContact200Response, signed_up)
    counts = await api.get("/v3/contacts/counts", {"include": "new_subscriber"})
    assert [] == misread(models.GetContactCounts200Response, counts)
    xrefs = await api.get("/v3/contacts/contact_id_xrefs", {"sequence_ids": "1,2"})
    assert [] == misread(models.GetContactIdXrefs200Response, xrefs)
    assert 2 == len(xrefs.body["xrefs"])


async def test_lists_are_read_in_full(api: Api, account: Account) -> None:
    made = await api.post("/v3/contact_lists", {"name": "Readers", "description": "All", "favorite": True})
    path = f"/v3/contact_lists/{made.body['list_id']}"
    assert [] == misread(models.UpdateList200Response, made, 201)
    assert [] == misread(models.GetList200Response, await api.get(path, {"include_membership_count": "all"}))
    assert [] == misread(models.DeleteList202Response, await api.delete(path), 202)
    counted = {"include_count": "true", "include_membership_count": "active", "limit": "1", "status": "all"}
    assert [] == misread(models.GetAllLists200Response, await api.get("/v3/contact_lists", counted))
    xrefs = await api.get("/v3/contact_lists/list_id_xrefs", {"sequence_ids": "1,2"})
    assert [] == misread(models.GetListIdXrefs200Response, xrefs)


@pytest.mark.parametrize(
    "field",
    [
        {"label": "Boat", "type": "string"},
        {"label": "Length", "type": "number", "metadata": {"integer": False, "decimal_places": 1}},
        {"label": "Price", "type": "currency", "metadata": {"currency_code": "EUR"}},
        {"label": "Launched", "type": "date", "version": 2},
        {"label": "Rig", "type": "single_select", "metadata": {"display_type": "radio"},
         "choices": [{"choice_label": "Sloop", "display_order": 1}, {"choice_label": "Ketch"}]},
    ],
)  # fmt: skip
async def test_custom_fields_are_read_in_full(api: Api, field: dict[str, Any]) -> None:
    made = await api.post("/v3/contact_custom_fields", field)
    path = f"/v3/contact_custom_fields/{made.body['custom_field_id']}"
    assert [] == misread(models.GetCustomField200Response, made, 201)
    assert [] == misread(models.GetCustomField200Response, await api.get(path))
    assert [] == misread(models.GetAllCustomFields200Response, await api.get("/v3/contact_custom_fields"))


async def test_activities_are_read_in_full(api: Api, account: Account, work: Any) -> None:
    rows = [{"email": "ann@example.com"}, {"email": "nonsense"}]
    body = {"import_data": rows, "list_ids": [str(account.list_id)]}
    started = await api.post("/v3/activities/contacts_json_import", body)
    assert [] == misread(models.CreateCSVImportActivity201Response, started, 201)
    deletion = await api.post("/v3/activities/list_delete", {"list_ids": [str(account.list_id)]})
    assert [] == misread(models.CreateListDeleteActivity201Response, deletion, 201)
    await work()
    for answer in (started, deletion):
        path = answer.body["_links"]["self"]["href"]
        assert [] == misread(models.GetActivityById200Response, await api.get(path))
    assert [] == misread(models.GetAllActivities200Response, await api.get("/v3/activities", {"limit": "1"}))


async def test_the_account_is_read_in_full(api: Api) -> None:
    summary = await api.get("/v3/account/summary", {"extra_fields": "physical_address"})
    assert [] == misread(models.GetAccountDetails200Response, summary)
    address = await api.get("/v3/account/summary/physical_address")
    assert [] == misread(models.GetAccountDetails200ResponsePhysicalAddress, address)
    added = await api.post("/v3/account/emails", {"email_address": "desk@harborlane.example"})
    assert [] == misread(models.AddAccountEmailAddress201Response, added, 201)
    emails = await api.get("/v3/account/emails")
    assert [] == misread(models.GetAllAccountEmailAddresses200ResponseInner, emails)
    privileges = await api.get("/v3/account/user/privileges")
    assert [] == misread(models.GetUserPrivileges200ResponseInner, privileges)
