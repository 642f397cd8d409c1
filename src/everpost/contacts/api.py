"""Doors of contacts, lists, tags and custom fields. Whatever takes a while stands in the activities' doors."""

from everpost.contacts import (
    contact_pages,
    contacts,
    custom_field_changes,
    custom_fields,
    lists,
    resubscribing,
    segments,
    sign_up_form,
    sms_channels,
    tags,
)
from everpost.contacts.contact_pages import ContactsQuery, ContactXrefsQuery, CountsQuery
from everpost.contacts.contacts import ContactQuery
from everpost.contacts.custom_field_changes import CustomFieldChange
from everpost.contacts.custom_fields import CustomField, CustomFieldIn, CustomFieldPage, CustomFieldsQuery
from everpost.contacts.errors import AREA
from everpost.contacts.lists import ListQuery, ListsQuery, ListXrefsQuery
from everpost.contacts.segments import Segment, SegmentIn, SegmentNameIn, SegmentPage, SegmentsQuery
from everpost.contacts.shapes import (
    Contact,
    ContactChange,
    ContactCounts,
    ContactIn,
    ContactList,
    ContactListIn,
    ContactListPage,
    ContactPage,
    ContactXrefs,
    ListXrefs,
    Resubscription,
    SignedUp,
    SignUp,
    SmsHistoryEntry,
)
from everpost.contacts.tags import Tag, TagChange, TagIn, TagPage, TagQuery, TagsQuery
from everpost.ids import ContactId, CustomFieldId, ListId, SegmentId, TagId
from everpost.platform.caller import Caller
from everpost.platform.db import Conn, Db
from everpost.platform.http import Answer, Doors

people = Doors(AREA, "Contacts")
contact_lists = Doors(AREA, "Contact Lists")
contact_tags = Doors(AREA, "Contact Tags")
fields = Doors(AREA, "Contacts Custom Fields")
rules = Doors(segments.AREA, "Segments")


@people.post("/v3/contacts", scope="contact_data", privilege="contacts:write", status=201)
async def create_contact(conn: Conn, caller: Caller, data: ContactIn) -> Contact:
    """Create a contact.

    The e-mail address must be new to the account, deleted contacts included: a conflict names who has it.
    """
    return await contacts.create(conn, caller.account_id, data)


@people.get("/v3/contacts", scope="contact_data", privilege="contacts:read", also=(202,), answers=ContactPage)
async def list_contacts(conn: Conn, caller: Caller, query: ContactsQuery) -> Answer:
    """List contacts, oldest first.

    Different filters are combined with AND, the values of one with OR. Deleted contacts appear only when asked for.
    A segment that takes long to evaluate answers 202: ask again until it is 200.
    """
    page = await contact_pages.page(conn, caller.account_id, query)
    return Answer(page, status=202 if page.status else 200)


@people.get("/v3/contacts/counts", scope="contact_data", privilege="contacts:read")
async def count_contacts(conn: Conn, caller: Caller, query: CountsQuery) -> ContactCounts:
    """Count contacts by their permission."""
    return await contact_pages.counts(conn, caller.account_id, query)


@people.get("/v3/contacts/contact_id_xrefs", scope="contact_data", privilege="contacts:read")
async def find_contact_ids(db: Db, caller: Caller, query: ContactXrefsQuery) -> ContactXrefs:
    """Find contacts by their numbers in the previous API."""
    return await contact_pages.xrefs(db, caller.account_id, query)


@people.post(
    "/v3/contacts/sign_up_form",
    scope="contact_data",
    privilege="contacts:write",
    answers=SignedUp,
    also=(201,),
)
async def sign_up(conn: Conn, caller: Caller, data: SignUp) -> Answer:
    """Create a contact or update it, as a person who fills in a sign-up form does.

    Only what is given changes; the contact joins the lists and may be e-mailed from now on.
    """
    done = await sign_up_form.sign_up(conn, caller.account_id, data)
    return Answer(done, status=201 if done.action == "created" else 200)


@people.get("/v3/contacts/sms_engagement_history/{contact_id}", scope="contact_data", privilege="contacts:read")
async def list_sms_history(conn: Conn, caller: Caller, contact_id: ContactId) -> list[SmsHistoryEntry]:
    """List what became of a contact's consent to text messages, newest first."""
    await contacts.require(conn, caller.account_id, contact_id)
    return await sms_channels.history(conn, caller.account_id, contact_id)


@people.put(
    "/v3/contacts/resubscribe/{contact_id}",
    scope="contact_data",
    privilege="contacts:write",
    exists=resubscribing.require,
    status=200,
)
async def resubscribe_contact(conn: Conn, caller: Caller, contact_id: ContactId, data: Resubscription) -> None:
    """Mail a contact who unsubscribed an invitation to come back, once. Nothing changes before it confirms."""
    await resubscribing.invite(conn, caller.account_id, contact_id, data)


@people.get("/v3/contacts/{contact_id}", scope="contact_data", privilege="contacts:read", exists=contacts.require)
async def get_contact(conn: Conn, caller: Caller, contact_id: ContactId, query: ContactQuery) -> Contact:
    """Read a contact, also a deleted one."""
    return await contacts.get(conn, caller.account_id, contact_id, query)


@people.put("/v3/contacts/{contact_id}", scope="contact_data", privilege="contacts:write", exists=contacts.require)
async def replace_contact(conn: Conn, caller: Caller, contact_id: ContactId, data: ContactChange) -> Contact:
    """Replace a contact.

    Plain members that are left out are cleared; the e-mail address and arrays that are left out stay.
    A deleted contact comes back.
    """
    return await contacts.replace(conn, caller.account_id, contact_id, data)


@people.delete("/v3/contacts/{contact_id}", scope="contact_data", privilege="contacts:write", status=204)
async def delete_contact(conn: Conn, caller: Caller, contact_id: ContactId) -> None:
    """Delete a contact. Its address stays reserved; PUT, a sign-up form or an import bring it back."""
    await contacts.delete(conn, caller.account_id, contact_id)


@contact_lists.post("/v3/contact_lists", scope="contact_data", privilege="contacts:lists:write", status=201)
async def create_list(conn: Conn, caller: Caller, data: ContactListIn) -> ContactList:
    """Create a contact list."""
    return await lists.create(conn, caller.account_id, data)


@contact_lists.get("/v3/contact_lists", "/v3/contacts_lists", scope="contact_data", privilege="contacts:lists:read")
async def list_lists(conn: Conn, caller: Caller, query: ListsQuery) -> ContactListPage:
    """List contact lists, oldest first."""
    return await lists.page(conn, caller.account_id, query)


@contact_lists.get("/v3/contact_lists/list_id_xrefs", scope="contact_data", privilege="contacts:lists:read")
async def find_list_ids(db: Db, caller: Caller, query: ListXrefsQuery) -> ListXrefs:
    """Find lists by their numbers in the previous API."""
    return await lists.xrefs(db, caller.account_id, query)


@contact_lists.get(
    "/v3/contact_lists/{list_id}",
    scope="contact_data",
    privilege="contacts:lists:read",
    exists=lists.require_known,
    bad_id_status=404,
)
async def get_list(conn: Conn, caller: Caller, list_id: ListId, query: ListQuery) -> ContactList:
    """Read a contact list, also a deleted one."""
    return await lists.get(conn, caller.account_id, list_id, query)


@contact_lists.put(
    "/v3/contact_lists/{list_id}", scope="contact_data", privilege="contacts:lists:write", exists=lists.require
)
async def change_list(conn: Conn, caller: Caller, list_id: ListId, data: ContactListIn) -> ContactList:
    """Replace a contact list: what is left out is cleared."""
    return await lists.change(conn, caller.account_id, list_id, data)


@contact_tags.post("/v3/contact_tags", scope="contact_data", privilege="contacts:write", status=201)
async def create_tag(conn: Conn, caller: Caller, data: TagIn) -> Tag:
    """Create a tag."""
    return await tags.create(conn, caller.account_id, data)


@contact_tags.get("/v3/contact_tags", scope="contact_data", privilege="contacts:read")
async def list_tags(conn: Conn, caller: Caller, query: TagsQuery) -> TagPage:
    """List tags, oldest first."""
    return await tags.page(conn, caller.account_id, query)


@contact_tags.get("/v3/contact_tags/{tag_id}", scope="contact_data", privilege="contacts:read", exists=tags.require)
async def get_tag(conn: Conn, caller: Caller, tag_id: TagId, query: TagQuery) -> Tag:
    """Read a tag."""
    return await tags.get(conn, caller.account_id, tag_id, query)


@contact_tags.put("/v3/contact_tags/{tag_id}", scope="contact_data", privilege="contacts:write", exists=tags.require)
async def rename_tag(conn: Conn, caller: Caller, tag_id: TagId, data: TagChange) -> Tag:
    """Rename a tag."""
    return await tags.rename(conn, caller.account_id, tag_id, data)


@fields.post("/v3/contact_custom_fields", scope="contact_data", privilege="contacts:write", status=201)
async def create_custom_field(conn: Conn, caller: Caller, data: CustomFieldIn) -> CustomField:
    """Create a custom field."""
    return await custom_fields.create(conn, caller.account_id, data)


@fields.get("/v3/contact_custom_fields", scope="contact_data", privilege="contacts:read")
async def list_custom_fields(conn: Conn, caller: Caller, query: CustomFieldsQuery) -> CustomFieldPage:
    """List custom fields, newest first."""
    return await custom_fields.page(conn, caller.account_id, query)


@fields.get("/v3/contact_custom_fields/{custom_field_id}", scope="contact_data", privilege="contacts:read")
async def get_custom_field(conn: Conn, caller: Caller, custom_field_id: CustomFieldId) -> CustomField:
    """Read a custom field."""
    return await custom_fields.get(conn, caller.account_id, custom_field_id)


@fields.put(
    "/v3/contact_custom_fields/{custom_field_id}",
    scope="contact_data",
    privilege="contacts:write",
    exists=custom_fields.require,
)
async def change_custom_field(
    conn: Conn, caller: Caller, custom_field_id: CustomFieldId, data: CustomFieldChange
) -> CustomField:
    """Rename a custom field or replace its choices. Its type never changes."""
    return await custom_field_changes.change(conn, caller.account_id, custom_field_id, data)


@fields.delete(
    "/v3/contact_custom_fields/{custom_field_id}",
    scope="contact_data",
    privilege="contacts:write",
    status=204,
    bad_id_status=404,
)
async def delete_custom_field(conn: Conn, caller: Caller, custom_field_id: CustomFieldId) -> None:
    """Delete a custom field and its values on all contacts."""
    await custom_field_changes.delete(conn, caller.account_id, custom_field_id)


@rules.post("/v3/segments", scope="contact_data", privilege="contacts:lists:write", status=201)
async def create_segment(conn: Conn, caller: Caller, data: SegmentIn) -> Segment:
    """Create a segment. Its criteria are a JSON document in a text."""
    return await segments.create(conn, caller.account_id, data)


@rules.get("/v3/segments", scope="contact_data", privilege="contacts:lists:read")
async def list_segments(conn: Conn, caller: Caller, query: SegmentsQuery) -> SegmentPage:
    """List segments without their criteria."""
    return await segments.page(conn, caller.account_id, query)


@rules.get("/v3/segments/{segment_id}", scope="contact_data", privilege="contacts:lists:read")
async def get_segment(conn: Conn, caller: Caller, segment_id: SegmentId) -> Segment:
    """Read a segment, also a deleted one."""
    return await segments.get(conn, caller.account_id, segment_id)


@rules.put("/v3/segments/{segment_id}", scope="contact_data", privilege="contacts:lists:write", exists=segments.require)
async def replace_segment(conn: Conn, caller: Caller, segment_id: SegmentId, data: SegmentIn) -> Segment:
    """Replace a segment's name and criteria, both of them."""
    return await segments.replace(conn, caller.account_id, segment_id, data)


@rules.patch(
    "/v3/segments/{segment_id}/name", scope="contact_data", privilege="contacts:lists:write", exists=segments.require
)
async def rename_segment(conn: Conn, caller: Caller, segment_id: SegmentId, data: SegmentNameIn) -> Segment:
    """Rename a segment."""
    return await segments.rename(conn, caller.account_id, segment_id, data)


@rules.delete("/v3/segments/{segment_id}", scope="contact_data", privilege="contacts:lists:write", status=204)
async def delete_segment(conn: Conn, caller: Caller, segment_id: SegmentId) -> None:
    """Delete a segment. Its contacts stay as they are."""
    await segments.delete(conn, caller.account_id, segment_id)


doors = (*people, *contact_lists, *contact_tags, *fields, *rules)
