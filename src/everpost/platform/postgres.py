"""The embedded PostgreSQL: create, start, find, stop and revive the server below a data folder.

Rules:
- One server per data folder, whoever asks. The server inherits a lock on `postgres.lock`, and so do its own children:
  the lock is free exactly when nobody runs on this folder, whatever a stale `postmaster.pid` says.
- Who cannot take the lock waits for that server and uses it (`is_ours` is False); who takes it starts one.
- No network: a Unix socket in a closed folder, and PostgreSQL asks the kernel who is calling (`peer`).
- PostgreSQL refuses to run as root; then it runs under an unprivileged account and reaches its folders through handles
  that we opened, so no folder above them has to let that account through.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from everpost.platform import launch, postgres_binaries, postgres_settings

ROLE = "everpost"
DATABASE = "everpost"
PORT = 5432  # Only a part of the socket's name: the server does not listen on the network.

# A socket's path has at most 107 bytes (103 on macOS), and PostgreSQL appends ".s.PGSQL.5432.lock".
LONGEST_SOCKET_FOLDER = 80

START_SECONDS = 300  # Recovery after a crash replays up to max_wal_size.
ATTACH_SECONDS = 60
STOP_SECONDS = 30
ORPHANS_MAY_LINGER_SECONDS = 2
LOG_SIZE_BYTES = 10_000_000


class PostgresError(Exception):
    """The server cannot be started or used; the message says why and what to do."""


class NotRunning(PostgresError):
    """No server runs on this data folder."""


class Postgres:
    """The server below one data folder. Nothing happens before `start` or `attach`."""

    def __init__(self, data: Path, binaries: Path | None = None) -> None:
        self.data = data.resolve()
        self.log = self.data / "postgres.log"
        self.is_ours = False
        self._chosen = binaries
        self._cluster = self.data / "postgres"
        self._lock = self.data / "postgres.lock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket; it follows from the data folder alone, so that every process finds it."""
        below_data = self.data / "run"
        if len(os.fsencode(below_data)) <= LONGEST_SOCKET_FOLDER:
            return below_data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(f"/tmp/everpost-{digest}")  # noqa: S108 - its owner is checked

    def dsn(self, database: str = DATABASE) -> str:
        """The connection URL of `database`."""
        return f"postgresql://{ROLE}@/{quote(database, safe='')}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def start(self) -> None:
        """Return once a server accepts connections: one that already runs on this folder, else a new one of ours."""
        if self.is_running_ours():
            return
        self._require_folder()
        deadline = time.monotonic() + ATTACH_SECONDS
        orphans_since: float | None = None
        while time.monotonic() < deadline:
            with self._try_lock() as lock:
                if lock is not None:
                    self._create_and_launch(lock)
                    return
            if self._is_ready():
                self.is_ours = False
                return
            orphans_since = self._end_orphans(orphans_since)
            time.sleep(0.02)
        raise PostgresError(f"{self._lock} is held by a server that does not answer. See {self.log}.")

    def attach(self) -> None:
        """Return once the server that another process runs accepts connections; raise NotRunning when there is none."""
        deadline = time.monotonic() + ATTACH_SECONDS
        while not self._is_ready():
            if not self.is_running() or time.monotonic() > deadline:
                raise NotRunning(f"Nothing runs on {self.data}. Start it with `make serve` or `everpost up`.")
            time.sleep(0.02)

    def is_running(self) -> bool:
        """Whether any server process lives on this data folder, ours or not, ready or not."""
        if not self._lock.exists():
            return False
        with self._try_lock() as lock:
            return lock is None

    def is_running_ours(self) -> bool:
        """Whether the server that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End our server: open transactions are rolled back, everything committed is on disk. Others' servers stay."""
        if self._process is None:
            return
        for order, patience in (
            (signal.SIGINT, STOP_SECONDS),
            (signal.SIGQUIT, 5),
            (signal.SIGKILL, 5),
        ):
            with suppress(ProcessLookupError):
                self._process.send_signal(order)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                break
        if self.sockets.parent != self.data:
            with suppress(OSError):
                self.sockets.rmdir()
        self._process = None
        self.is_ours = False

    def _require_folder(self) -> None:
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.touch(mode=0o600)
        except OSError as error:
            raise PostgresError(
                f"{error.filename} cannot be written: {error.strerror}. DATA= or EVERPOST_DATA names another folder."
            ) from error

    @contextmanager
    def _try_lock(self) -> Iterator[int | None]:
        """A handle that holds the lock, closed at the end; None when someone else has it."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle
        finally:
            os.close(handle)

    def _create_and_launch(self, lock: int) -> None:
        """Start the server; it keeps `lock` when we let go of it."""
        account = launch.unprivileged(self._cluster)
        _require_name()
        if account is None and os.geteuid() == 0:
            raise PostgresError(
                "PostgreSQL does not run as root, and there is none of the accounts "
                + ", ".join(launch.UNPRIVILEGED)
                + "."
            )
        try:
            binaries = postgres_binaries.reachable(postgres_binaries.find(self._chosen), account)
        except postgres_binaries.NoBinaries as error:
            raise PostgresError(str(error)) from error
        if not self._cluster.exists():
            self._create(binaries, account)
        self._check_version(binaries)
        self._forget_the_dead()
        self._make_sockets_folder(account)
        postgres_settings.write(self._cluster, ROLE, account)
        self._launch(binaries, account, lock)
        self._wait_until_ready()
        self.is_ours = True

    def _create(self, binaries: postgres_binaries.Binaries, account: launch.Account | None) -> None:
        """Initialise a cluster with our database, under another name until it is whole."""
        fresh = self._cluster.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        _make_closed_folder(fresh, account)
        with _reachable_as(fresh, account) as (path, handles):
            initdb: list[str | Path] = [
                binaries.initdb,
                "-D",
                path,
                "-U",
                ROLE,
                *postgres_settings.initdb_options(binaries.major),
            ]
            _require_success(
                launch.run(initdb, account=account, handles=handles),
                "PostgreSQL could not set up its folder",
            )
            single: list[str | Path] = [binaries.postgres, "--single", "-D", path, "postgres"]
            created = launch.run(
                single,
                account=account,
                handles=handles,
                text=f"CREATE DATABASE {DATABASE};\n",
            )
            _require_success(created, "PostgreSQL could not create the database")
        fresh.rename(self._cluster)

    def _check_version(self, binaries: postgres_binaries.Binaries) -> None:
        of_cluster = (self._cluster / "PG_VERSION").read_text().strip()
        if of_cluster != str(binaries.major):
            raise PostgresError(
                f"{self._cluster} was written by PostgreSQL {of_cluster}; the programs are version {binaries.version}. "
                f"Set EVERPOST_PG_BIN to the programs of version {of_cluster}, or move the data with pg_dump."
            )

    def _forget_the_dead(self) -> None:
        """Clear what a killed server left. We hold the lock, so whoever these files name is no server of this folder.

        PostgreSQL would refuse to start while any process has that number. We put ours in its place, because it never
        takes its own parent for a rival, and keep the rest: by it PostgreSQL still finds shared memory in use.
        """
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (self.sockets / name).unlink(missing_ok=True)
        pid_file = self._cluster / "postmaster.pid"
        lines = pid_file.read_text().splitlines(keepends=True) if pid_file.exists() else []
        if len(lines) < 7:
            pid_file.unlink(missing_ok=True)
            return
        pid_file.write_text("".join([f"{os.getpid()}\n", *lines[1:7]]))

    def _launch(
        self,
        binaries: postgres_binaries.Binaries,
        account: launch.Account | None,
        lock: int,
    ) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_SIZE_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with (
            _reachable_as(self._cluster, account) as (cluster, cluster_handles),
            _reachable_as(self.sockets, account) as (sockets, sockets_handles),
            self.log.open("ab") as log,
        ):
            places = ["-c", f"port={PORT}", "-c", f'unix_socket_directories="{sockets}"']
            self._process = launch.start(
                [binaries.postgres, "-D", cluster, *places],
                dying=signal.SIGINT,
                account=account,
                handles=[lock, *cluster_handles, *sockets_handles],
                environment={name: value for name, value in os.environ.items() if not name.startswith("PG")},
                output=log,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if not self.is_running_ours():
                raise PostgresError(f"PostgreSQL ended while it started:\n{_tail(self.log)}")
            if time.monotonic() > deadline:
                self.stop()
                raise PostgresError(f"PostgreSQL does not accept connections after {START_SECONDS} s. See {self.log}.")
            time.sleep(0.01)

    def _is_ready(self) -> bool:
        """Whether a server says so in its pid file, and its socket is open: the file alone may be a dead server's."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
            if "ready" in (self._cluster / "postmaster.pid").read_text():
                caller.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
                return True
        return False

    def _end_orphans(self, since: float | None) -> float | None:
        """Kill what lingers of a server whose postmaster died: a process deep in a query does not notice by itself.

        `since` is when they were first seen without it; the answer is that for the next look.
        """
        orphans = list(_server_processes(self._cluster))
        if not orphans or self._postmaster() in orphans:
            return None
        if since and time.monotonic() - since > ORPHANS_MAY_LINGER_SECONDS:
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return since or time.monotonic()

    def _postmaster(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            return int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        return None

    def _make_sockets_folder(self, account: launch.Account | None) -> None:
        _make_closed_folder(self.sockets, account)
        # Below /tmp anyone may have made it before us, to stand between us and the server.
        status = self.sockets.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != (account.uid if account else os.geteuid()):
            raise PostgresError(
                f"{self.sockets} belongs to someone else. Remove it, or use a data folder with a shorter path."
            )


def _require_name() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise PostgresError(
            f"PostgreSQL does not run for a user without a name, and uid {os.geteuid()} is not in /etc/passwd. "
            "Add it there, or use a server of your own: EVERPOST_DATABASE_URL."
        ) from error


def _make_closed_folder(path: Path, account: launch.Account | None) -> None:
    """Make `path` a folder that only its owner enters: `account`, else we."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account and path.stat().st_uid == os.geteuid():
        os.chown(path, account.uid, account.gid)


@contextmanager
def _reachable_as(path: Path, account: launch.Account | None) -> Iterator[tuple[str, list[int]]]:
    """A name by which `account` reaches `path`, and the handles it must inherit for that.

    The kernel follows /proc/self/fd/N straight to the folder, without asking the folders above it.
    """
    if account is None or sys.platform != "linux":
        yield str(path), []
        return
    handle = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}", [handle]
    finally:
        os.close(handle)


def _require_success(done: subprocess.CompletedProcess[str], trouble: str) -> None:
    if done.returncode:
        raise PostgresError(f"{trouble}:\n{done.stdout.strip()[-2000:]}")


def _server_processes(cluster: Path) -> Iterator[int]:
    """The server's processes, postmaster or not, living or orphaned: all of them work in the cluster's folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "comm").read_text().strip() == "postgres" and (process / "cwd").samefile(cluster):
                yield int(process.name)


def _tail(log: Path) -> str:
    """Its last lines, without those about clients that come while it starts: they push the reason out of sight."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if "FATAL:  the database system is" not in line][-12:])
