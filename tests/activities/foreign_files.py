"""Files of contacts as other programs write them: their headings, their quotes, their line ends and encodings."""

import csv
import io
from collections.abc import Mapping, Sequence

OUTLOOK = [
    "Title", "First Name", "Middle Name", "Last Name", "Suffix", "Company", "Department", "Job Title", "Business Street",
    "Business Street 2", "Business Street 3", "Business City", "Business State", "Business Postal Code",
    "Business Country/Region", "Home Street", "Home Street 2", "Home Street 3", "Home City", "Home State",
    "Home Postal Code", "Home Country/Region", "Other Street", "Other City", "Other State", "Other Postal Code",
    "Other Country/Region", "Assistant's Phone", "Business Fax", "Business Phone", "Business Phone 2", "Callback",
    "Home Phone", "Home Phone 2", "Mobile Phone", "Other Phone", "Pager", "Account", "Anniversary", "Billing Information",
    "Birthday", "Categories", "E-mail Address", "E-mail Type", "E-mail Display Name", "E-mail 2 Address", "Gender",
    "Initials", "Notes", "Priority", "Private", "Web Page",
]  # fmt: skip
GMAIL = [
    "First Name", "Middle Name", "Last Name", "Phonetic First Name", "Name Prefix", "Name Suffix", "Nickname", "File As",
    "Organization Name", "Organization Title", "Organization Department", "Birthday", "Notes", "Photo", "Labels",
    "E-mail 1 - Label", "E-mail 1 - Value", "E-mail 2 - Label", "E-mail 2 - Value", "Phone 1 - Label", "Phone 1 - Value",
    "Address 1 - Label", "Address 1 - Formatted", "Address 1 - Street", "Address 1 - City", "Address 1 - PO Box",
    "Address 1 - Region", "Address 1 - Postal Code", "Address 1 - Country", "Address 1 - Extended Address",
]  # fmt: skip
MAILCHIMP = [
    "Email Address", "First Name", "Last Name", "Address", "Phone Number", "Birthday", "Company", "MEMBER_RATING",
    "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF", "TIMEZONE", "CC",
    "REGION", "LAST_CHANGED", "LEID", "EUID", "NOTES", "TAGS",
]  # fmt: skip
HUBSPOT = [
    "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Mobile Phone Number", "Contact owner",
    "Lead Status", "Job Title", "Company Name", "Street Address", "City", "State/Region", "Postal Code",
    "Country/Region", "Date of birth", "Create Date", "Associated Company",
]  # fmt: skip
EXCEL_IN_GERMAN = ["Vorname", "Nachname", "E-Mail", "Firma", "Telefon", "Straße", "PLZ", "Ort", "Land", "Geburtstag"]

Cells = Mapping[str, str]


def outlook(people: Sequence[Cells]) -> bytes:
    """Every cell quoted, Windows-1252, and 0/0/00 for a date that is not known."""
    blank = {
        "Birthday": "0/0/00",
        "Anniversary": "0/0/00",
        "Gender": "Unspecified",
        "Priority": "Normal",
        "Private": "False",
    }
    return _written(OUTLOOK, [{**blank, **cells} for cells in people], quoting=csv.QUOTE_ALL).encode("cp1252")


def gmail(people: Sequence[Cells]) -> bytes:
    """UTF-8 without a mark, line feeds, several values of one kind joined by :::."""
    return _written(GMAIL, people, end="\n").encode()


def mailchimp(people: Sequence[Cells]) -> bytes:
    """UTF-8, line feeds, tags quoted twice."""
    return _written(MAILCHIMP, people, end="\n").encode()


def hubspot(people: Sequence[Cells]) -> bytes:
    """UTF-8 with a byte-order mark, every cell quoted, line feeds."""
    return _written(HUBSPOT, people, quoting=csv.QUOTE_ALL, end="\n").encode("utf-8-sig")


def excel_in_german(people: Sequence[Cells]) -> bytes:
    """ "CSV (Trennzeichen-getrennt)": semicolons and Windows-1252."""
    return _written(EXCEL_IN_GERMAN, people, separator=";").encode("cp1252")


def excel_in_german_utf_8(people: Sequence[Cells]) -> bytes:
    """ "CSV UTF-8": semicolons and a byte-order mark."""
    return _written(EXCEL_IN_GERMAN, people, separator=";").encode("utf-8-sig")


def excel_unicode_text(people: Sequence[Cells]) -> bytes:
    """ "Unicode-Text": tabs and UTF-16 with a byte-order mark; the file is renamed to .csv by hand."""
    return _written(EXCEL_IN_GERMAN, people, separator="\t").encode("utf-16")


def _written(
    headings: Sequence[str],
    people: Sequence[Cells],
    *,
    separator: str = ",",
    quoting: int = csv.QUOTE_MINIMAL,
    end: str = "\r\n",
) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, headings, "", delimiter=separator, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(people)
    return text.getvalue()
