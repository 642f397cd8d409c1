"""Address books as Outlook and Gmail export them: byte-order mark, CRLF, quotes, umlauts, duplicates, bad addresses."""

import csv
import io
from dataclasses import dataclass

_FIRST = ["Jürgen", "Zoë", "Aoife", "Søren", "Łukasz", "Ana", "Bjørn", "Chloé", "", "Ines"]
_LAST = ["Müller", 'O"Brien', "van der Berg, Jr.", "Šimić", "Garçon", "Nuñez", "Öztürk", "Smith"]
_BAD = [
    "not-an-address",
    "two@@signs.example",
    "no-domain@",
    "@no-local.example",
    "blank in@side.example",
    "dotless@domain",
]


@dataclass
class AddressBook:
    """A file to upload, and what must become of it."""

    content: bytes
    good: set[str]
    rows: int
    bad: int


def outlook(count: int, *, bad: int, duplicates: int) -> AddressBook:
    """Outlook's export: BOM, CRLF, everything quoted, its own headings, many columns that nobody fills in."""
    headings = ["Title", "First Name", "Middle Name", "Last Name", "Company", "Job Title", "Home Street", "Home City",
                "Mobile Phone", "E-mail Address", "Notes"]  # fmt: skip
    return _export("outlook", headings, count, bad, duplicates, csv.QUOTE_ALL)


def gmail(count: int, *, bad: int, duplicates: int) -> AddressBook:
    """Gmail's export: its own headings, quotes only where needed."""
    headings = ["First Name", "Middle Name", "Last Name", "Organization Name", "Labels", "E-mail 1 - Label",
                "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value"]  # fmt: skip
    return _export("gmail", headings, count, bad, duplicates, csv.QUOTE_MINIMAL)


def _export(kind: str, headings: list[str], count: int, bad: int, duplicates: int, quoting: int) -> AddressBook:
    good = [f"{kind}.{number:05}@reader.example" for number in range(count - bad - duplicates)]
    again = [address.upper() for address in good[:duplicates]]
    addresses = good + again
    step = max(1, len(addresses) // max(1, bad))
    for number in range(bad):
        addresses.insert(number * step, _BAD[number % len(_BAD)])
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]
    writer.writerow(headings)
    for number, address in enumerate(addresses):
        writer.writerow([_cell(heading, number, address) for heading in headings])
    return AddressBook(text.getvalue().encode("utf-8-sig"), set(good), count, bad)


def _cell(heading: str, number: int, address: str) -> str:
    match heading:
        case "First Name":
            return _FIRST[number % len(_FIRST)]
        case "Last Name":
            return _LAST[number % len(_LAST)]
        case "E-mail Address" | "E-mail 1 - Value":
            return address
        case "Home Street":
            return f"{number} Harbor Lane\nBack entrance"
        case "Company" | "Organization Name":
            return f"Company {number}"
        case "E-mail 1 - Label":
            return "* Home"
        case _:
            return ""
