"""Files that other programs wrote are imported as they are, and files that are none of contacts are refused at once."""

import gzip
import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.activities import foreign_files

JOERG = {
    "email": "joerg@müller.example", "first_name": "Jörg", "last_name": 'Müller-"Lüd"', "company_name": "Größe; & Söhne, KG",
    "phones": {("other", "+49 30 12345")}, "addresses": {("home", "Hauptstraße 5", "Köln", "50667", "Germany")},
    "birthday": (4, 30),
}  # fmt: skip
ADA = {
    "email": "ada@x.example", "first_name": "Ada", "last_name": "Lovelace", "company_name": "Engine, Ltd.", "job_title": "Countess",
    "phones": {("work", "(503) 555-0100"), ("mobile", "503-555-0101"), ("home", "5550102")},
    "addresses": {("home", "Elm 1, Apt 2", "Salem", "97301", "United States"), ("work", "Oak 3", "Bend", "97701", "United States")},
    "birthday": (12, 10), "anniversary": "2001-02-03",
}  # fmt: skip
_OUTLOOK = {
    "Title": "Ms.", "First Name": "Ada", "Last Name": "Lovelace", "Company": "Engine, Ltd.", "Job Title": "Countess",
    "Business Street": "Oak 3", "Business City": "Bend", "Business Postal Code": "97701",
    "Business Country/Region": "United States", "Home Street": "Elm 1", "Home Street 2": "Apt 2", "Home City": "Salem",
    "Home Postal Code": "97301", "Home Country/Region": "US", "Business Phone": "(503) 555-0100",
    "Mobile Phone": "503-555-0101", "Home Phone": "5550102", "Birthday": "12/10/1815", "Anniversary": "2/3/2001",
    "E-mail Address": "ada@x.example", "E-mail Type": "SMTP", "Notes": "two\nlines",
}  # fmt: skip
_GMAIL = {
    "First Name": "Ada", "Last Name": "Lovelace", "Organization Name": "Engine, Ltd.", "Organization Title": "Countess",
    "Birthday": "1815-12-10", "Labels": "* myContacts", "E-mail 1 - Label": "* ", "Notes": "a\nb",
    "E-mail 1 - Value": "ada@x.example ::: second@x.example", "Phone 1 - Label": "Mobile",
    "Phone 1 - Value": "503-555-0101 ::: 503-555-0199 ::: 503-555-0198", "Address 1 - Label": "Home",
    "Address 1 - Formatted": "Elm 1\nSalem\nUS", "Address 1 - Street": "Elm 1", "Address 1 - City": "Salem",
    "Address 1 - Postal Code": "97301", "Address 1 - Country": "US",
}  # fmt: skip
_MAILCHIMP = {
    "Email Address": "ada@x.example", "First Name": "Ada", "Last Name": "Lovelace", "Company": "Engine, Ltd.",
    "Address": "Elm 1  Salem OR 97301 US", "Phone Number": "503-555-0101", "Birthday": "12/10", "MEMBER_RATING": "2",
    "OPTIN_TIME": "2020-01-02 03:04:05", "TAGS": '"Boat owner","Fair"', "LEID": "123", "EUID": "abc",
}  # fmt: skip
_HUBSPOT = {
    "Record ID": "51", "First Name": "Ada", "Last Name": "Lovelace", "Email": "ada@x.example", "Phone Number": "5550102",
    "Mobile Phone Number": "503-555-0101", "Job Title": "Countess", "Company Name": "Engine, Ltd.",
    "Street Address": "Elm 1", "City": "Salem", "State/Region": "Oregon", "Postal Code": "97301",
    "Country/Region": "United States", "Date of birth": "1815-12-10", "Create Date": "2020-01-02 03:04",
}  # fmt: skip
_GERMAN = {
    "Vorname": "Jörg", "Nachname": 'Müller-"Lüd"', "E-Mail": "joerg@müller.example", "Firma": "Größe; & Söhne, KG",
    "Telefon": "+49 30 12345", "Straße": "Hauptstraße 5", "PLZ": "50667", "Ort": "Köln", "Land": "DE",
    "Geburtstag": "30.04.1990",
}  # fmt: skip
_OF_MAILCHIMP = {
    **{name: ADA[name] for name in ("email", "first_name", "last_name", "company_name", "birthday")},
    "phones": {("other", "503-555-0101")}, "addresses": {("home", "Elm 1  Salem OR 97301 US", "", "", "")},
}  # fmt: skip
_AT_HOME = {("home", "Elm 1", "Salem", "97301", "United States")}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (foreign_files.outlook([_OUTLOOK]), ADA),
        (
            foreign_files.gmail([_GMAIL]),
            {**ADA, "phones": {("other", "503-555-0101")}, "addresses": _AT_HOME, "anniversary": None},
        ),
        (foreign_files.mailchimp([_MAILCHIMP]), _OF_MAILCHIMP),
        (
            foreign_files.hubspot([_HUBSPOT]),
            {**ADA, "phones": {("other", "5550102"), ("mobile", "503-555-0101")}, "addresses": _AT_HOME, "anniversary": None},
        ),
        (foreign_files.excel_in_german([_GERMAN]), JOERG),
        (foreign_files.excel_in_german_utf_8([_GERMAN]), JOERG),
        (foreign_files.excel_unicode_text([_GERMAN]), JOERG),
        (foreign_files.excel_unicode_text([_GERMAN])[2:], JOERG),
        (foreign_files.excel_unicode_text([_GERMAN])[2:].decode("utf-16-le").encode("utf-16-be"), JOERG),
        (b"sep=;\r\n" + foreign_files.excel_in_german([_GERMAN]), JOERG),
    ],
    ids=["Outlook", "Gmail", "Mailchimp", "HubSpot", "Excel", "Excel UTF-8", "Unicode text", "UTF-16 LE", "UTF-16 BE", "sep="],
)  # fmt: skip
async def test_a_file_of_another_program_is_imported_as_it_is(import_file, finished, contacts, content, expected):
    done = await finished(await import_file(content))
    assert ([], 1, 0) == (done["activity_errors"], done["status"]["person_count"], done["status"]["error_count"])
    found = (await contacts())[expected["email"]]
    shown = {
        "email": found["email_address"]["address"],
        "phones": {(number["kind"], number["phone_number"]) for number in found["phone_numbers"]},
        "addresses": {
            tuple(place.get(part, "") for part in ("kind", "street", "city", "postal_code", "country"))
            for place in found["street_addresses"]
        },
        "birthday": (found["birthday_month"], found["birthday_day"]),
        **{name: found.get(name) for name in ("first_name", "last_name", "company_name", "job_title", "anniversary")},
    }
    assert {"job_title": None, "anniversary": None, **expected} == shown


async def test_our_own_export_is_imported_again_and_changes_nothing(api, import_file, finished, contacts):
    await finished(await import_file(foreign_files.outlook([_OUTLOOK])))
    before = await contacts()
    fields = ["email", "first_name", "last_name", "company_name", "job_title", "phone_number", "street", "city", "state",
              "zip", "country", "birthday", "anniversary"]  # fmt: skip
    exported = await finished(await api.post("/v3/activities/contact_exports", {"fields": fields}))
    text = (await api.get(exported["_links"]["results"]["href"])).content
    done = await finished(await import_file(text))
    assert [] == done["activity_errors"]
    assert before == await contacts()


def _workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (_workbook(), "an Excel workbook or a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "an old Excel workbook"),
        (gzip.compress(b"\0" * 50_000_000), "a gzip archive"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a picture"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "a picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"BEGIN:VCARD\r\nVERSION:3.0", "a vCard"),
        (b"email\0,\0\0\0first_name\n", "of a program that does not write text"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 100, "of a program that does not write text"),
    ],
)  # fmt: skip
async def test_a_file_of_another_kind_is_refused_at_once(import_file, api, content, kind):
    answer = await import_file(content)
    assert (400, f"Validation failed: The file is {kind}; save it as CSV first") == (
        answer.status,
        answer.error_message,
    )
    assert [] == (await api.get("/v3/activities")).body["activities"]


async def test_a_file_of_gigabytes_is_refused_before_it_is_here(app: Any, api: Any) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(2048):
            sent += 1
            yield b"x" * 1024 * 1024

    for headers in ({"Content-Length": str(2 * 1024**3)}, {}):
        answer = await api.post(
            "/v3/activities/contacts_file_import",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=x", **headers},
        )
        assert (413, "contacts.api.payload_too_large") == (answer.status, answer.error_key)
        assert isinstance(answer.body, list)
    assert sent < 200


async def test_what_is_cut_off_ends_with_a_whole_row(import_file, finished, contacts):
    filler = "x" * 1000
    lines = [f'person{number}@x.example,"{filler}\n{filler}"' for number in range(3000)]
    done = await finished(await import_file("email,comment\n" + "\n".join(lines)))
    assert [] == done["activity_errors"]
    assert 4 * 1024 * 1024 // 2030 - 10 < done["status"]["person_count"] <= 4 * 1024 * 1024 // 2020
