"""The rows that an import did not take, to be mended and sent again."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from everpost.activities import imports
from everpost.oauth import tokens


async def fetch(api: Any, done: dict[str, Any]) -> Any:
    return await api.get(f"/v3/activities/{done['activity_id']}/rejected_rows")


async def test_the_rows_come_back_as_they_were_sent_with_line_and_reason(import_file, finished, api):
    text = (
        "Email Address;Vorname;Geburtstag;Shoe size;cf:colour\r\n"
        "ada@x.example;Ada;30.4.1990;38;red\r\n"
        '"not; an address";  "Bo";;"4""1";\r\n'
        f"cy@x.example;{'x' * 51};;;\r\n"
        "\r\n"
        f";{'y' * 51};;;blue\r\n"
    )
    done = await finished(await import_file(text))
    answer = await fetch(api, done)
    assert (200, "text/csv; charset=utf-8") == (answer.status, answer.headers["content-type"])
    assert f'attachment; filename="rejected_rows_{done["activity_id"]}.csv"' == answer.headers["content-disposition"]
    assert list(csv.reader(io.StringIO(answer.text, newline=""))) == [
        ["Email Address", "Vorname", "Geburtstag", "Shoe size", "cf:colour", "Line", "Reason"],
        ["not; an address", '  "Bo"', "", '4"1', "", "3", "Invalid email address"],
        ["cy@x.example", "x" * 51, "", "", "", "4", "Value too long for first_name"],
        ["", "y" * 51, "", "", "blue", "6", "No email address, SMS number or name; Value too long for first_name"],
    ]


async def test_they_can_be_mended_and_sent_again(import_file, finished, api, contacts):
    done = await finished(await import_file("email,first_name\nada[at]x.example,Ada\nbo@x.example,Bo\n"))
    mended = (await fetch(api, done)).text.replace("[at]", "@")
    again = await finished(await import_file(mended))
    assert ([], 1) == (again["activity_errors"], again["status"]["person_count"])
    assert "Ada" == (await contacts())["ada@x.example"]["first_name"]
    assert 404 == (await fetch(api, again)).status


async def test_items_come_back_as_their_text(api, finished, account):
    items = [{"email": "nobody", "first_name": "A, b"}, 7, {"email": "ada@x.example"}]
    body = {"import_data": items, "list_ids": [str(account.list_id)]}
    done = await finished(await api.post("/v3/activities/contacts_json_import", body))
    assert list(csv.reader(io.StringIO((await fetch(api, done)).text, newline=""))) == [
        ["Item", "Number", "Reason"],
        ['{"email":"nobody","first_name":"A, b"}', "1", "Invalid email address"],
        ["7", "2", "Not an object"],
    ]


async def test_rows_of_all_chunks_are_in_one_file(import_file, finished, api, monkeypatch):
    monkeypatch.setattr(imports, "_FIRST_CHUNK_BYTES", 1000)
    monkeypatch.setattr(imports, "_LARGEST_CHUNK_BYTES", 1000)
    lines = [f"person{number}@x.example" if number % 10 else "nobody" for number in range(500)]
    done = await finished(await import_file("email\n" + "\n".join(lines)))
    rejected = list(csv.DictReader(io.StringIO((await fetch(api, done)).text, newline="")))
    assert [str(number + 2) for number in range(0, 500, 10)] == [row["Line"] for row in rejected]


@pytest.mark.parametrize("path", ["/v3/activities/01890000-0000-7000-8000-000000000000/rejected_rows"])
async def test_they_are_for_their_account_when_the_import_is_over_and_for_ten_days(
    import_file, finished, api, path, new_account, clock
):
    assert 404 == (await api.get(path)).status
    posted = await import_file("email\nnobody\n")
    assert 404 == (await fetch(api, posted.body)).status
    done = await finished(posted)
    assert 200 == (await fetch(api, done)).status
    other = await new_account("other@x.example")
    stranger = api.with_token(await tokens.mint_for_command_line(api._db, other.email, ["contact_data"]))
    assert 404 == (await fetch(stranger, done)).status
    assert 403 == (await fetch(await api.with_scopes("campaign_data"), done)).status
    clock.move(timedelta(days=10, seconds=1))
    later = api.with_token(await tokens.mint_for_command_line(api._db, api._account.email, ["contact_data"]))
    assert 404 == (await fetch(later, done)).status
