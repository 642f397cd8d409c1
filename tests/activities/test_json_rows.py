"""Items that are hard to read: numbers beyond any number, bytes that are no text. Source: contract, bulk-activities.md §3.2."""

from typing import Any

import pytest

JSON = "/v3/activities/contacts_json_import"


@pytest.fixture
def body(account: Any) -> Any:
    """The body of an import of one item, in bytes that no JSON library would write."""

    def make(item: bytes) -> bytes:
        return b'{"import_data": [%s], "list_ids": ["%s"]}' % (item, str(account.list_id).encode())

    return make


@pytest.mark.parametrize("number", ["10.50", "1e400", "123456789012345678901234567890", "-0.0"])
async def test_a_number_is_taken_as_it_was_written(api, finished, contacts, body, number):
    item = b'{"email": "ada@x.example", "company_name": %s}' % number.encode()
    done = await finished(await api.post(JSON, content=body(item)))
    assert ("completed", []) == (done["state"], done["activity_errors"])
    assert number == (await contacts())["ada@x.example"]["company_name"]


@pytest.mark.parametrize("value", [b"1" * 5000, b"[" * 900 + b"]" * 900], ids=["digits", "arrays"])
async def test_an_item_that_nothing_can_hold_is_told_and_the_import_goes_on(api, finished, body, value):
    item = b'{"email": "ada@x.example", "first_name": %s}, {"email": "bo@x.example"}' % value
    done = await finished(await api.post(JSON, content=body(item)))
    assert ("completed", 2, 1) == (done["state"], done["status"]["person_count"], len(done["activity_errors"]))


@pytest.mark.parametrize("text", [rb"\ud800", b"\xff\xfe", b"\xed\xa0\x80"])
async def test_bytes_that_are_no_text_are_refused_at_once(api, body, text):
    answer = await api.post(JSON, content=body(b'{"email": "ada@x.example", "first_name": "%s"}' % text))
    assert (400, "Bad request. The JSON was malformed.") == (answer.status, answer.error_message)
