"""What counting a request against its application's limits costs.

`python bench/rate_limits.py [--requests 200000]`

Anchor: two calls of the kernel's record lock, which is what two processes of one node need to agree at all. Measured
with one process and with another one that counts on the same application all the while.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from everpost.ids import AccountId, AppId, UserId
from everpost.platform import config, rate_limits
from everpost.platform.caller import Caller

ONE = UUID(int=1)
CALLER = Caller(AccountId(ONE), UserId(ONE), AppId(ONE), frozenset(), frozenset())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--data", type=Path, help="only count there, for the other process")
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="everpost-bench-"))
    # The limit is not reached, but looked at: it is as high as the memory of moments is long.
    config.override(data=data, rate_per_second=0, rate_per_day=10**9)
    if options.data:
        counted(10 * options.requests)
        return
    print(f"load of the machine: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    print(f"two locks: {locked(data / 'lock', options.requests):.2f} µs")
    print(f"one process: {counted(options.requests):.2f} µs a request")
    other = subprocess.Popen([sys.executable, __file__, "--data", data, "--requests", str(options.requests)])
    print(f"beside another process: {counted(options.requests):.2f} µs a request")
    other.kill()
    other.wait()
    shutil.rmtree(data)


def counted(requests: int) -> float:
    """Microseconds each."""
    rate_limits.count(CALLER)
    started = time.perf_counter()
    for _ in range(requests):
        rate_limits.count(CALLER)
    return (time.perf_counter() - started) / requests * 1e6


def locked(path: Path, times: int) -> float:
    with path.open("w") as file:
        started = time.perf_counter()
        for _ in range(times):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
            fcntl.lockf(file, fcntl.LOCK_UN, 1, 0)
        return (time.perf_counter() - started) / times * 1e6


if __name__ == "__main__":
    main()
