"""The official package makes every call about tags and bulk activities, unmodified."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.official import Official, package

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
BULK, TAGS = package.BulkActivitiesApi, package.ContactTagsApi


@pytest.fixture
async def official(api: Any) -> Official:
    return Official(api)


@pytest.fixture
def finished_by_package(official: Official, work: Any) -> Any:
    """`await ...(activity)` lets the worker work and reads the activity with the package."""

    async def look(activity: Any) -> Any:
        assert activity.state == "initialized"
        await work()
        return await official.call(BULK.get_activity_by_id, str(activity.activity_id))

    return look


async def test_tags(official, bulk, work):
    made = await official.call(TAGS.post_tag, package.PostTagRequest(name="VIP", tag_source="Fair"))
    await bulk.contact("ann", taggings=[str(made.tag_id)])
    read = await official.call(TAGS.get_tag, str(made.tag_id), include_count=True)
    assert ("VIP", "Fair", 1) == (read.name, read.tag_source, read.contacts_count)
    renamed = await official.call(TAGS.put_tag, str(made.tag_id), package.PutTagRequest(name="Friend"))
    assert "Friend" == renamed.name
    await official.call(TAGS.post_tag, package.PostTagRequest(name="Other"))
    page = await official.call(TAGS.get_all_tags, limit=1, include_count=True)
    assert (["Friend"], True) == ([tag.name for tag in page.tags], page.links.next.href.startswith("/v3/contact_tags?"))
    deletion = await official.call(TAGS.delete_tag, str(made.tag_id))
    assert ("initialized", []) == (deletion.state, deletion.activity_errors)
    await work()
    with pytest.raises(package.exceptions.NotFoundException):
        await official.call(TAGS.get_tag, str(made.tag_id))
    with pytest.raises(package.ApiException, match="Name already exists for tag") as refused:
        await official.call(TAGS.post_tag, package.PostTagRequest(name="OTHER"))
    assert 409 == refused.value.status


async def test_memberships_and_taggings(official, bulk, finished_by_package):
    ann, readers, red = await bulk.contact("ann"), await bulk.contact_list("Readers"), await bulk.tag("Red")
    source = package.CreateListAddActivityRequestSource(contact_ids=[ann])
    asked = package.CreateListAddActivityRequest(source=source, list_ids=[readers])
    done = await finished_by_package(await official.call(BULK.create_list_add_activity, asked))
    assert ("completed", 1, 1) == (done.state, done.status.items_total_count, done.status.items_completed_count)
    assert await bulk.lists_of(ann) == {readers}

    tagged = package.CreateTagRemoveActivityRequest(
        source=package.CreateTagRemoveActivityRequestSource(list_ids=[readers]), tag_ids=[red]
    )
    done = await finished_by_package(await official.call(BULK.create_tag_add_contact_activity, tagged))
    assert ("completed", await bulk.tags_of(ann)) == (done.state, {red})
    done = await finished_by_package(await official.call(BULK.create_tag_remove_activity, tagged))
    assert ("completed", await bulk.tags_of(ann)) == (done.state, set())

    # The package allows no item in these arrays, so its users get around its own check.
    removed = package.CreateListRemoveActivityRequest.model_construct(
        source=package.CreateListRemoveActivityRequestSource.model_construct(list_ids=[readers]), list_ids=[readers]
    )
    done = await finished_by_package(await official.call(BULK.create_list_remove_activity, removed))
    assert ("completed", await bulk.lists_of(ann)) == (done.state, set())


async def test_deletions(official, bulk, api, finished_by_package):
    ann, readers, red = await bulk.contact("ann"), await bulk.contact_list("Readers"), await bulk.tag("Red")
    boat = await bulk.field("Boat")
    asked = package.CreateTagDeleteActivityRequest(tag_ids=[red])
    done = await finished_by_package(await official.call(BULK.create_tag_delete_activity, asked))
    assert ("completed", 1) == (done.state, done.status.items_completed_count)
    asked = package.PostCustomFieldDeleteRequest.model_construct(custom_field_ids=[boat])
    done = await finished_by_package(await official.call(BULK.post_custom_field_delete, asked))
    assert "completed" == done.state
    asked = package.CreateListDeleteActivityRequest(list_ids=[readers])
    done = await finished_by_package(await official.call(BULK.create_list_delete_activity, asked))
    assert ("completed", 1) == (done.state, done.status.list_count)
    asked = package.CreateDeleteActivityRequest(contact_ids=[ann])
    done = await finished_by_package(await official.call(BULK.create_delete_activity, asked))
    assert ("completed", 1) == (done.state, done.status.items_completed_count)
    assert "deleted_at" in await bulk.read(ann)


async def test_imports_exports_and_the_list_of_activities(official, account, finished_by_package, tmp_path: Path):
    lists = [str(account.list_id)]
    people = tmp_path / "people.csv"
    people.write_text("email,first_name\nann@x.example,Ann\nnobody,Bob\n")
    posted = await official.call(BULK.create_csv_import_activity, str(people), lists[0])
    done = await finished_by_package(posted)
    assert ("completed", ["Line 3: Invalid email address"]) == (done.state, done.activity_errors)
    row = package.CreateImportJSONActivityRequestImportDataInner(email="cid@x.example", first_name="Cid")
    asked = package.CreateImportJSONActivityRequest(import_data=[row], list_ids=lists)
    done = await finished_by_package(await official.call(BULK.create_import_json_activity, asked))
    assert ("completed", 1) == (done.state, done.status.person_count)
    asked = package.CreateExportActivityRequest(list_ids=lists, fields=["email_address", "first_name"])
    posted = await official.call(BULK.create_export_activity, asked)
    done = await finished_by_package(posted)
    file = await official.call(BULK.get_csv_export_file, posted.links.results.href.rpartition("/")[2])
    text = file.decode() if isinstance(file, bytes | bytearray) else str(file)
    assert {"ann@x.example", "cid@x.example"} <= {word for line in text.splitlines() for word in line.split(",")}
    listed = await official.call(BULK.get_all_activities, limit=2, state="completed")
    assert (2, True) == (len(listed.activities), listed.links.next.href.startswith("/v3/activities?cursor="))
