"""`everpost backup` and `everpost restore`: an instance that runs, and the one that comes of it."""

import base64
import csv
from pathlib import Path

from tests.support.instance import Instance


def imported(instance: Instance, file: Path) -> None:
    file.write_text("email,first_name\nzoe@reader.example,Zoë\nsam@reader.example,\n")
    assert 0 == instance.run("import", str(file), "--list", "My Contacts").returncode


def addresses(instance: Instance, file: Path) -> set[str]:
    done = instance.run("export", str(file), "--list", "My Contacts")
    assert 0 == done.returncode, done.stderr
    with file.open(newline="") as text:
        return {row["Email address"] for row in csv.DictReader(text)}


def test_an_instance_comes_back_from_its_backup(instance: Instance, tmp_path: Path) -> None:
    imported(instance, tmp_path / "people.csv")
    backup = tmp_path / "everpost.zip"
    done = instance.run("backup", str(backup))
    assert (0, "") == (done.returncode, done.stderr)
    copy = Instance(tmp_path / "copy")
    done = copy.run("restore", str(backup))
    assert 0 == done.returncode, done.stderr
    assert "rows are back" in done.stdout
    assert "not empty" in copy.run("restore", str(backup)).stderr
    # A stopped instance can be backed up as well.
    assert 0 == copy.run("backup", str(tmp_path / "again.zip")).returncode
    copy.start()
    try:
        assert addresses(instance, tmp_path / "old.csv") == addresses(copy, tmp_path / "new.csv")
        assert 0 == copy.run("doctor").returncode
    finally:
        copy.stop()
    assert (copy.data / "instance.key").read_bytes() == (instance.data / "instance.key").read_bytes()


def test_what_cannot_be_done_is_explained(instance: Instance, tmp_path: Path) -> None:
    backup, nobody = tmp_path / "everpost.zip", Instance(tmp_path / "nobody")
    assert "There is no instance in" in nobody.run("backup", str(backup)).stderr
    assert 0 == instance.run("backup", str(backup)).returncode
    assert "is there already" in instance.run("backup", str(backup)).stderr
    assert "An instance runs on" in instance.run("restore", str(backup)).stderr
    assert "cannot be written" in instance.run("backup", str(tmp_path / "missing" / "x.zip")).stderr
    other_key = {"EVERPOST_SECRET_KEY": base64.b64encode(bytes(32)).decode()}
    assert "another instance key" in nobody.run("restore", str(backup), environment=other_key).stderr
    assert not (nobody.data / "postgres").exists()
