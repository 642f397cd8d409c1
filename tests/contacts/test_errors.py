"""What the platform refuses on the doors of contacts, in their words. Source: contract, contacts.md §2, §1.1, §1.6."""

from uuid import uuid4

import msgspec
import pytest

from everpost.contacts.errors import AREA
from everpost.platform import errors
from tests.support.fixtures import AccountApi

READS = ["/v3/contacts", "/v3/contacts/counts", "/v3/contact_custom_fields"]
LIST_READS = ["/v3/contact_lists", "/v3/contacts_lists"]


@pytest.mark.parametrize("path", [*READS, *LIST_READS, "/v3/contacts/00000000-0000-4000-8000-000000000000"])
async def test_without_a_token_nothing_is_answered(api: AccountApi, path: str) -> None:
    answer = await api.anonymous().get(path)

    assert (401, {"error_key": "unauthorized", "error_message": "Unauthorized"}) == (answer.status, answer.body)


@pytest.mark.parametrize("path", [*READS, *LIST_READS])
async def test_a_token_needs_the_scope(api: AccountApi, path: str) -> None:
    narrow = await api.with_scopes("campaign_data offline_access")

    answer = await narrow.get(path)

    expected = {"error_key": "access_denied", "error_message": "Request forbidden due to insufficient scope."}
    assert (403, expected) == (answer.status, answer.body)


async def test_the_scope_of_contacts_alone_is_enough(api: AccountApi) -> None:
    narrow = await api.with_scopes("contact_data offline_access")

    assert [200] * 5 == [(await narrow.get(path)).status for path in [*READS, *LIST_READS]]


async def test_a_campaign_creator_sees_lists_but_no_contacts_and_changes_neither(api: AccountApi) -> None:
    creator = await api.as_role("campaign_creator")

    reads = [(await creator.get(path)).status for path in [*READS, *LIST_READS]]
    writes = [
        await creator.post("/v3/contacts", {}),
        await creator.post("/v3/contact_lists", {}),
        await creator.post("/v3/contacts/sign_up_form", {}),
        await creator.delete(f"/v3/contacts/{uuid4()}"),
        await creator.put(f"/v3/contact_lists/{uuid4()}", {}),
    ]

    assert [403, 403, 403, 200, 200] == reads
    expected = {
        "error_key": "access_denied",
        "error_message": "Request forbidden due to insufficient user privileges.",
    }
    assert [(403, expected)] * 5 == [(answer.status, answer.body) for answer in writes]


async def test_a_foreign_media_type_is_refused(api: AccountApi) -> None:
    answer = await api.post("/v3/contacts", content=b"{}", headers={"Content-Type": "text/plain"})

    expected = [
        {"error_key": "contacts.api.unsupported_media_type", "error_message": "Unsupported Media Type"},
    ]
    assert (415, expected) == (answer.status, answer.body)


async def test_a_body_without_a_media_type_is_read(api: AccountApi) -> None:
    answer = await api.post("/v3/contacts", content=b'{"create_source":"Account","first_name":"A"}')

    assert 201 == answer.status


async def test_a_method_that_is_not_there_names_those_that_are(api: AccountApi) -> None:
    answer = await api.request("PATCH", f"/v3/contacts/{uuid4()}")

    expected = [
        {
            "error_key": "contacts.api.method_not_allowed",
            "error_message": "The requested resource does not support the method used.",
        }
    ]
    assert (405, expected) == (answer.status, answer.body)
    assert {"GET", "PUT", "DELETE"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


async def test_control_characters_are_refused(api: AccountApi) -> None:
    answer = await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A\u0000B"})

    assert (400, "first_name is invalid") == (answer.status, answer.error_message)


@pytest.mark.parametrize(
    ("error", "key", "text"),
    [
        (errors.InternalError, "internal_error", "There was a problem with our internal service."),
        (errors.Unavailable, "service_unavailable", "Our internal service is temporarily unavailable."),
        (errors.NotAcceptable, "not_acceptable", "Not Acceptable"),
        (errors.TooLarge, "payload_too_large", "The request body is too large."),
    ],
)
def test_what_goes_wrong_on_our_side_is_told_in_the_familys_words(
    error: type[errors.ApiError], key: str, text: str
) -> None:
    expected = [{"error_key": f"contacts.api.{key}", "error_message": text}]
    assert expected == msgspec.json.decode(errors.render(error(), AREA))
