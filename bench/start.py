"""How long a start takes, from the command to the first answer.

`python bench/start.py [--rounds 5]`

The first start makes the data folder, PostgreSQL's cluster, the tables and the demo account (cold); the others find all
of that (warm). Stopping is measured, too. CPU time is that of all processes until the first answer; memory is what all
of them together have two seconds later, PostgreSQL included, what they share counted once.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import processes

MUST_SECONDS = 3
SOURCE = Path(__file__).parents[1] / "src"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    print(f"load of the machine: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    try:
        cold, cpu, _, stop = start_and_stop(data)
        print(f"cold start: {cold:.2f} s ({cpu:.2f} s of CPU), stop: {stop:.2f} s")
        rounds = [start_and_stop(data) for _ in range(options.rounds)]
    finally:
        shutil.rmtree(data, ignore_errors=True)
    warm, cpu, megabytes, stop = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"warm start: {warm:.2f} s ({cpu:.2f} s of CPU), stop: {stop:.2f} s; medians of {options.rounds}")
    print(f"memory of all processes: {megabytes:.0f} MB")
    print(f"must: at most {MUST_SECONDS} s: {'reached' if warm <= MUST_SECONDS else 'MISSED'}")


def start_and_stop(data: Path) -> tuple[float, float, float, float]:
    """Seconds to the first answer, CPU seconds until then, megabytes in use, and seconds to stop."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")}
    environment |= {"EVERPOST_DATA": str(data), "PYTHONPATH": str(SOURCE)}
    began = time.monotonic()
    command = [sys.executable, "-P", "-m", "everpost", "up", "--port", str(port)]
    instance = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while not _answers(port):
        if instance.poll() is not None:
            sys.exit("everpost did not start")
        time.sleep(0.005)
    answered = time.monotonic() - began
    cpu = processes.cpu_seconds(instance.pid)
    # A worker that is still loading would only measure how fast it can be interrupted.
    time.sleep(2)
    megabytes = processes.proportional_megabytes(instance.pid)
    began = time.monotonic()
    instance.send_signal(signal.SIGINT)
    instance.wait()
    return answered, cpu, megabytes, time.monotonic() - began


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
