"""`EVERPOST_DATABASE_URL`: the whole product on a PostgreSQL that is not ours, here Debian's."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from everpost.platform import launch
from tests.support.instance import Instance, await_true, free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="No PostgreSQL of the system here: apt install postgresql.")


@pytest.fixture
def database_url() -> Iterator[str]:
    """An empty database on a server that listens on the network, with a password, as a provider would give us."""
    account = launch.unprivileged(Path("/nonexistent"))
    identity = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    made = subprocess.check_output(["mktemp", "-d"], text=True, umask=0o077, **identity)  # type: ignore[call-overload]
    folder, programs, port = Path(made.strip()), PROGRAMS[-1].parent, free_port()
    (folder / "password").write_text("secret word")
    options = ["-U", "owner", "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "-E", "UTF8"]
    initdb = launch.run([programs / "initdb", "-D", folder / "data", *options], account=account)
    assert initdb.returncode == 0, initdb.stdout
    with (folder / "log").open("wb") as log:
        server = launch.start(
            [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
            dying=signal.SIGQUIT,
            account=account,
            output=log,
        )
    pid_file = folder / "data" / "postmaster.pid"
    await_true(lambda: pid_file.exists() and "ready" in pid_file.read_text())
    yield f"postgresql://owner:secret%20word@127.0.0.1:{port}/postgres"
    server.send_signal(signal.SIGQUIT)
    server.wait(10)
    subprocess.run(["rm", "-rf", folder], check=True)


def test_an_instance_runs_on_a_server_that_is_not_ours(tmp_path: Path, database_url: str) -> None:
    instance = Instance(tmp_path / "data", environment={"EVERPOST_DATABASE_URL": database_url})
    instance.start()
    try:
        assert not (instance.data / "postgres").exists()
        # Commands find the database by the data folder, as with the embedded one.
        found_by_folder = {"EVERPOST_DATABASE_URL": ""}
        token = instance.run("token", environment=found_by_folder).stdout.strip()
        assert instance.get("/v3/account/summary", token=token) == 200
        doctor = instance.run("doctor", environment=found_by_folder)
        assert f"PostgreSQL: {PROGRAMS[-1].parts[-3]}" in doctor.stdout
        assert "ok    Tables: up to date" in doctor.stdout
    finally:
        instance.stop()
    assert instance.processes() == {}


def test_a_server_that_does_not_answer_is_explained(tmp_path: Path) -> None:
    nobody = f"postgresql://owner@127.0.0.1:{free_port()}/postgres"
    instance = Instance(tmp_path / "data", environment={"EVERPOST_DATABASE_URL": nobody})
    instance.begin()
    assert instance.await_end() == 1
    assert "does not answer" in instance.output()
    assert "Traceback" not in instance.output()
