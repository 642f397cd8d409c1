"""Every call of the official client package about contacts, lists, custom fields and contact reports, as it is."""

from typing import Any

import pytest

from tests.support.official import Official, package

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

CONTACTS, LISTS = package.ContactsApi, package.ContactListsApi
FIELDS, REPORTS = package.ContactsCustomFieldsApi, package.ContactsReportingApi
EVERYTHING = "custom_fields,list_memberships,phone_numbers,street_addresses,taggings,notes"
ODILE = "odile@example.com"


@pytest.fixture
async def official(api: Any) -> Official:
    return Official(api)


def sent(model: Any, **members: Any) -> Any:
    """A request as the package makes it."""
    return model.from_dict(members)


async def test_contacts(official: Official) -> None:
    list_id = str((await official.call(LISTS.create_list, sent(package.UpdateListRequest, name="Readers"))).list_id)
    channel = {
        "full_sms_address": "14155550134",
        "sms_channel_consents": [{"sms_consent_permission": "explicit", "consent_type": "promotional_sms"}],
    }
    created = await official.call(CONTACTS.create_contact,
        sent(
            package.CreateContactRequest,
            create_source="Account", email_address={"address": ODILE}, first_name="Odile", anniversary="9/3/2021",
            birthday_month=4, birthday_day=30, list_memberships=[list_id], sms_channel=channel,
            phone_numbers=[{"phone_number": "555-0142", "kind": "work"}], notes=[{"content": "Met at the fair"}],
            street_addresses=[{"kind": "home", "city": "Salem", "state": "OR", "country": "US"}],
        )
    )  # fmt: skip
    contact_id = str(created.contact_id)
    found = await official.call(CONTACTS.get_contact_by_id, contact_id, include=EVERYTHING)
    assert ("2021-09-03", "Oregon", "United States", [list_id]) == (
        str(found.anniversary),
        (found.street_addresses or [])[0].state,
        (found.street_addresses or [])[0].country,
        [str(each) for each in found.list_memberships or []],
    )
    page = await official.call(CONTACTS.get_all_contacts,
        status="active", email=ODILE, lists=list_id, sms_status="explicit", include=EVERYTHING, include_count=True,
        created_after=created.created_at, limit=1,
    )  # fmt: skip
    assert (0, []) == (page.contacts_count, page.contacts), "created after its own moment"
    page = await official.call(
        CONTACTS.get_all_contacts, updated_before=created.created_at.replace(year=2099), include_count=True, limit=1
    )
    assert (True, 1) == ((page.contacts_count or 0) > 1, len(page.contacts or []))
    assert page.links.next.href.startswith("/v3/contacts?cursor=")

    changed = await official.call(CONTACTS.update_contact,
        contact_id,
        sent(
            package.UpdateContactRequest,
            update_source="Contact", email_address={"address": ODILE, "permission_to_send": "unsubscribed"},
        ),
    )  # fmt: skip
    assert ("unsubscribed", "Contact") == (
        changed.email_address.permission_to_send,
        changed.email_address.opt_out_source,
    )
    assert None is await official.call(
        CONTACTS.resubscribe_contact, contact_id, sent(package.ResubscribeContactRequest, list_ids=[list_id])
    )
    (texted,) = await official.call(CONTACTS.get_sms_engagement_history, contact_id)
    assert ("E", texted.insert_time) == (texted.history_details.state, texted.history_details.consent_action_time)
    form = sent(package.CreateOrUpdateContactRequest, email_address=ODILE, list_memberships=[list_id])
    assert "updated" == (await official.call(CONTACTS.create_or_update_contact, form)).action
    assert 1 == (await official.call(CONTACTS.get_contact_counts, include="new_subscriber")).explicit
    assert contact_id in [
        str(each.contact_id) for each in (await official.call(CONTACTS.get_contact_id_xrefs, "1,2,3")).xrefs or []
    ]
    assert None is await official.call(CONTACTS.delete_contact, contact_id)
    with pytest.raises(package.ApiException) as gone:
        await official.call(CONTACTS.delete_contact, contact_id)
    assert 404 == gone.value.status


async def test_lists(official: Official) -> None:
    made = await official.call(
        LISTS.create_list, sent(package.UpdateListRequest, name="Crew", description="All", favorite=True)
    )
    list_id = str(made.list_id)
    changed = await official.call(LISTS.update_list, list_id, sent(package.UpdateListRequest, name="Crew of 9"))
    assert ("Crew of 9", False, None) == (changed.name, changed.favorite, changed.description)
    assert 0 == (await official.call(LISTS.get_list, list_id, include_membership_count="active")).membership_count
    page = await official.call(LISTS.get_all_lists,
        limit=1, include_count=True, include_membership_count="all", name="CREW OF 9", status="active",
        channel_type="sms", include_sms_membership_count=True,
    )  # fmt: skip
    assert (1, list_id) == (page.lists_count, str((page.lists or [])[0].list_id))
    assert list_id in [
        str(each.list_id) for each in (await official.call(LISTS.get_list_id_xrefs, "1,2,3,4")).xrefs or []
    ]
    assert "initialized" == (await official.call(LISTS.delete_list, list_id)).state


async def test_custom_fields(official: Official) -> None:
    made = await official.call(FIELDS.create_custom_fields,
        sent(
            package.CreateCustomFieldsRequest,
            label="Berth", type="single_select", metadata={"display_type": "radio"},
            choices=[{"choice_label": "North", "display_order": 1}, {"choice_label": "South", "display_order": 2}],
        )
    )  # fmt: skip
    field_id = str(made.custom_field_id)
    assert "berth" == (await official.call(FIELDS.get_custom_field, field_id)).name
    changed = await official.call(
        FIELDS.update_custom_field, field_id, sent(package.UpdateCustomFieldRequest, label="Mooring")
    )
    assert ("mooring", 2) == (changed.name, len(changed.choices or []))
    assert [field_id] == [
        str(each.custom_field_id)
        for each in (await official.call(FIELDS.get_all_custom_fields, limit=100)).custom_fields or []
    ]
    assert None is await official.call(FIELDS.delete_custom_field, field_id)


async def test_contact_reports(official: Official) -> None:
    contact_id = str(((await official.call(CONTACTS.get_all_contacts, limit=1)).contacts or [])[0].contact_id)
    times = ("2026-01-01T00:00:00-05:00", "2027-01-01T00:00:00-0500")
    rates = await official.call(REPORTS.get_contact_open_click_rate_report, contact_id, *times)
    assert (0, 0, 0) == (rates.included_activities_count, rates.average_open_rate, rates.average_click_rate)
    assert (
        [] == (await official.call(REPORTS.get_contact_tracking_count_report, contact_id, *times)).campaign_activities
    )
    for types in ({"tracking_activities_list": ["em_sends", "em_opens"]}, {"tracking_activity_type": ["em_clicks"]}):
        assert (
            []
            == (
                await official.call(REPORTS.get_contact_tracking_report, contact_id, limit="10", **types)
            ).tracking_activities
        )
