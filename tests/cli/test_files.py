"""`everpost import` and `everpost export`, on a running instance."""

import csv
from pathlib import Path

from tests.support.instance import Instance


def test_a_file_is_imported_and_exported_again(instance: Instance, tmp_path: Path) -> None:
    lines = [f"person{number}@x.example;Name {number}" for number in range(45_000)]
    lines[7] = "nobody;N"
    file, rejected, exported = tmp_path / "people.csv", tmp_path / "rejected.csv", tmp_path / "out.csv"
    file.write_text("E-Mail;Vorname\n" + "\n".join(lines) + "\n", "cp1252")

    done = instance.run("import", str(file), "--list", "my contacts", "--rejected", str(rejected))

    assert (0, "completed: 45,000 rows, 1 to be corrected\n") == (done.returncode, done.stdout), done
    assert "Line 9: Invalid email address" in done.stderr
    assert [["E-Mail", "Vorname", "Line", "Reason"], ["nobody", "N", "9", "Invalid email address"]] == list(
        csv.reader(rejected.read_text().splitlines())
    )

    done = instance.run("export", str(exported), "--list", "My Contacts")

    with exported.open(newline="") as text:
        names = [row["First name"] for row in csv.DictReader(text)]
    assert {f"Name {number}" for number in range(45_000) if number != 7} <= set(names)
    # Other tests put people of theirs on this list.
    assert (0, f"completed: {len(names):,} contacts\n") == (done.returncode, done.stdout), done


def test_what_cannot_be_imported_is_explained(instance: Instance, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"PK\x03\x04")
    done = instance.run("import", str(file), "--list", "My Contacts")
    assert (1, "") == (done.returncode, done.stdout)
    assert "Excel workbook" in done.stderr
    assert "There is no contact list Nowhere." in instance.run("import", str(file), "--list", "Nowhere").stderr
    assert 2 == instance.run("import", str(tmp_path / "missing.csv"), "--list", "My Contacts").returncode
