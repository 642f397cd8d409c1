"""`everpost up` as people use it: started, asked, killed in parts and as a whole, stopped, started again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from everpost.platform import launch
from tests.support.instance import SOURCE, Instance, await_true, free_port


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Instance]:
    """One that a test starts and ends itself."""
    instance = Instance(tmp_path / "data")
    yield instance
    instance.stop()


def test_it_says_where_it_is_and_how_to_get_in(instance: Instance) -> None:
    await_true(lambda: "Ctrl-C" in instance.output())
    said = instance.output()
    assert instance.address in said
    assert "demo@everpost.example with the password everpost-demo" in said
    assert str(instance.data) in said
    assert re.search(r"everpost.* token", said)


def test_the_token_command_prints_a_token_that_works(instance: Instance) -> None:
    printed = instance.run("token").stdout
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", printed)
    assert instance.get("/v3/account/summary", token=printed.strip()) == 200


def test_one_more_web_process_joins_the_running_instance(instance: Instance) -> None:
    port = free_port()
    token = instance.run("token").stdout.strip()
    node = instance.start_node("serve", "--port", str(port))
    try:
        await_true(lambda: instance.get("/healthz", port=port) == 200)
        assert instance.get("/v3/account/summary", token=token, port=port) == 200
    finally:
        node.terminate()
        assert node.wait(15) == 0


def test_one_more_worker_joins_the_running_instance(instance: Instance) -> None:
    node = instance.start_node("work")
    try:
        await_true(lambda: catches(node.pid, signal.SIGTERM))
        assert node.poll() is None
    finally:
        node.terminate()
        assert node.wait(15) == 0


def test_each_core_has_a_worker(instance: Instance) -> None:
    # Beside them is the process that they are forks of.
    expected = 1 if launch.cores() == 1 else 1 + min(launch.cores(), 8)
    await_true(lambda: expected == sum("everpost work" in command for command in instance.processes().values()))


@pytest.mark.parametrize("words", ["everpost serve", "everpost work", "postgres -D"])
def test_a_part_that_is_killed_comes_back(instance: Instance, words: str) -> None:
    killed = instance.pid_of(words)
    os.kill(killed, signal.SIGKILL)
    await_true(
        lambda: killed not in instance.processes() and any(words in each for each in instance.processes().values())
    )
    await_true(lambda: instance.get("/healthz") == 200)
    assert "ended unexpectedly; starting it again" in instance.output()
    assert instance.get("/v3/account/summary", token=instance.run("token").stdout.strip()) == 200


def test_a_taken_port_is_explained(instance: Instance, tmp_path: Path) -> None:
    second = Instance(tmp_path / "data")
    second.port = instance.port
    second.begin()
    assert second.await_end() == 1
    assert f"Cannot listen on 127.0.0.1:{instance.port}" in second.output()
    assert "PORT=" in second.output()


def test_control_c_stops_everything_and_the_next_start_is_quick(stopped: Instance) -> None:
    stopped.start()
    token = stopped.run("token").stdout.strip()
    stopped.send(signal.SIGINT)
    began = time.monotonic()
    assert stopped.await_end() == 0
    assert time.monotonic() - began < 10
    assert stopped.processes() == {}
    assert "unexpectedly" not in stopped.output()

    began = time.monotonic()
    stopped.start()
    # Alone on a machine it is under two seconds (bench/start.py); beside other tests it may wait for its turn.
    assert time.monotonic() - began < 30
    assert stopped.get("/v3/account/summary", token=token) == 200


def test_killing_it_leaves_nothing_behind(stopped: Instance) -> None:
    stopped.start()
    assert len(stopped.processes()) > 5
    stopped.send(signal.SIGKILL)
    stopped.await_end()
    await_true(lambda: stopped.processes() == {})
    stopped.start()


def test_a_signal_during_the_first_start_leaves_nothing_behind(stopped: Instance) -> None:
    stopped.begin()
    await_true(lambda: any("postgres" in command or "initdb" in command for command in stopped.processes().values()))
    stopped.send(signal.SIGTERM)
    stopped.await_end()
    await_true(lambda: stopped.processes() == {})


def test_the_demo_account_follows_its_settings(tmp_path: Path) -> None:
    chosen = {"EVERPOST_DEMO_EMAIL": "me@example.com", "EVERPOST_DEMO_PASSWORD": "a better one"}
    instance = Instance(tmp_path / "data", environment=chosen)
    instance.start()
    try:
        await_true(lambda: "me@example.com with the password a better one" in instance.output())
        accounts = instance.run("account", "list", environment=dict.fromkeys(chosen, "")).stdout
        assert "me@example.com" in accounts
    finally:
        instance.stop()


def test_a_wrong_setting_is_explained(tmp_path: Path) -> None:
    instance = Instance(tmp_path / "data", environment={"EVERPOST_LOG_LEVEL": "loud"})
    instance.begin()
    assert instance.await_end() == 1
    assert "log_level" in instance.output()
    assert "Traceback" not in instance.output()


@pytest.mark.parametrize("command", [["token"], ["migrate"], ["serve"], ["work"], ["app", "create", "--name", "A"]])
def test_a_command_says_plainly_when_nothing_runs(tmp_path: Path, command: list[str]) -> None:
    done = Instance(tmp_path / "data").run(*command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Nothing runs on" in done.stderr
    assert "make serve" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="The tests do not run as root, so every other test shows this.")
def test_a_user_without_privileges_runs_everything() -> None:
    account = launch.unprivileged(Path("/nonexistent"))
    interpreter = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    modules = (SOURCE, Path(asyncpg.__file__).parents[1])
    if account is None or not all(path.exists() and account.may_reach(path) for path in (interpreter, *modules)):
        pytest.skip("An unprivileged account cannot reach this checkout, or no interpreter of this version.")
    made = subprocess.check_output(["mktemp", "-d"], text=True, user=account.uid, group=account.gid, umask=0o077)
    folder = Path(made.strip())
    instance = Instance(
        folder / "data",
        interpreter=interpreter,
        modules=modules,
        account=account,
        environment={"HOME": str(folder)},
    )
    try:
        instance.start()
        owners = {Path("/proc", str(pid)).stat().st_uid for pid in instance.processes()}
        assert owners == {account.uid}
        instance.stop()
        assert instance.processes() == {}
    finally:
        instance.stop()
        shutil.rmtree(folder)


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has come so far that it handles this signal."""
    status = Path("/proc", str(pid), "status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << number - 1)
