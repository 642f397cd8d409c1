"""Every sample of the flufl.bounce distribution gives the right recipient and kind; automatic answers give none.

The samples are third parties' mails, so they are no part of this repository: the distribution is downloaded.
"""

import ast
import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from everpost.delivery import notices

# Those that its own tests do not tell, or tell for one of the detectors only: the letter, and the recipients.
EXPECTED: dict[str, tuple[str | None, set[str]]] = {
    "bounce_01.txt": ("X", set()),
    "dumbass_01.txt": ("X", set()),
    "groupwise_03.txt": (None, set()),
    "qmail_08.txt": ("V", set()),
    "simple_42.txt": ("Z", {"david...@gmail.com"}),
    "simple_43.txt": ("B", set()),
}
LETTERS = {
    "B": {"dsn_10", "dsn_11", "dsn_12", "dsn_13", "dsn_16", "postfix_01", "qmail_03", "simple_27", "yahoo_13"},
    "F": {"dsn_01", "hotpop_01", "newmailru_01", "postfix_04", "simple_07", "qmail_06"},
    "D": {"dsn_02", "yahoo_01"},
    "X": {"sendmail_01", "yale_01"},
}


def _distribution(folder: Path) -> Path:
    wanted = f"flufl_bounce-{version('flufl.bounce')}.tar.gz"
    if not (folder / wanted).exists():
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
             "--no-binary", "flufl.bounce", "--dest", str(folder), f"flufl.bounce=={version('flufl.bounce')}"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("the samples of flufl.bounce cannot be downloaded")
    return folder / wanted


def _expected(tests: str) -> dict[str, tuple[set[str], bool]]:
    """From the table of its own tests: by file the recipients, and whether they are only warned of."""
    (table,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(tests).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "DETECTORS"
    ]
    found: dict[str, tuple[set[str], bool]] = {}
    for _, name, addresses, is_warning in table:
        known, _ = found.get(name, (set(), False))
        found[name] = (known | {address.decode() for address in addresses}, is_warning)
    return found


def test_every_sample_gives_the_right_recipient_and_kind(request: pytest.FixtureRequest) -> None:
    cache = request.config.cache
    assert cache is not None
    samples, tests = {}, ""
    with tarfile.open(_distribution(cache.mkdir("flufl-bounce"))) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file and "/tests/data/" in member.name and member.name.endswith(".txt"):
                samples[Path(member.name).name] = file.read()
            elif file and member.name.endswith("/tests/test_detectors.py"):
                tests = file.read().decode()
    expected = _expected(tests)
    assert len(samples) >= 100
    assert set() == set(samples) - set(expected) - set(EXPECTED)
    wrong = {}
    for name, source in sorted(samples.items()):
        notice = notices.read(source)
        code, recipients = (notice.bounce_code, set(notice.recipients)) if notice else (None, set())
        if name in EXPECTED:
            is_right = EXPECTED[name] == (code, recipients)
        else:
            addresses, is_warning = expected[name]
            is_right = notice is None if is_warning else (code not in (None, "V") and addresses == recipients)
        letters = [letter for letter, names in LETTERS.items() if name.removesuffix(".txt") in names]
        if not is_right or (letters and letters != [code]):
            wrong[name] = (code, recipients)
    assert {} == wrong
