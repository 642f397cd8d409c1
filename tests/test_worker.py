"""What a worker has loaded before it does anything."""

import subprocess
import sys

# Large, and needed for some kinds of work only, or by other processes only.
LOADED_LATE = frozenset(["polars", "zxcvbn", "phonenumbers.geocoder", "uvicorn", "flufl.bounce", "aiosmtpd"])

LOAD = "import sys; from everpost.cli import work; work.worker.load_jobs(); print(*sys.modules)"


def test_a_worker_starts_without_libraries_that_few_need() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOAD], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert "everpost.delivery.outbox" in loaded
    assert LOADED_LATE.intersection(loaded) == set()
