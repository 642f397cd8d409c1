"""How the embedded PostgreSQL is set up: what initdb decides for good, what each start chooses, and who may connect."""

import os
import pwd
from pathlib import Path

from everpost.platform.launch import Account

MIB = 1024 * 1024

# Docker gives containers 64 MiB here; parallel queries of PostgreSQL fail when it is full.
ENOUGH_SHARED_MEMORY_BYTES = 512 * MIB


def initdb_options(major: int) -> list[str]:
    """Options for good: sorting and case rules that no upgrade of the operating system changes below our indexes."""
    common = ["--encoding=UTF8", "--no-sync", "--no-instructions", "--auth=peer"]
    if major >= 17:
        return [
            *common,
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
    return [*common, "--locale=C.UTF-8"]


def write(cluster: Path, role: str, account: Account | None) -> None:
    """Write the cluster's files of settings anew at each start: an upgrade of everpost may bring better ones.

    Only the user of the operating system who runs everpost is let in. What an operator sets by ALTER SYSTEM wins.
    """
    user = pwd.getpwuid(os.geteuid()).pw_name
    settings = "".join(f"{name} = '{value}'\n" for name, value in _server().items())
    for name, text in (
        ("postgresql.conf", f"# Written by everpost at each start; use ALTER SYSTEM to change a setting.\n{settings}"),
        ("pg_hba.conf", "local all all peer map=everpost\n"),
        ("pg_ident.conf", f'everpost "{user}" {role}\n'),
    ):
        path = cluster / name
        path.write_text(text)
        if account:
            os.chown(path, account.uid, account.gid)


def _server() -> dict[str, str]:
    memory = _memory_bytes()
    return {
        "listen_addresses": "",
        "max_connections": "200",
        "shared_buffers": _megabytes(memory / 8, at_least=64, at_most=2048),
        "effective_cache_size": _megabytes(memory / 2, at_least=256, at_most=65536),
        "maintenance_work_mem": _megabytes(memory / 32, at_least=64, at_most=512),
        "work_mem": "16MB",
        "dynamic_shared_memory_type": "posix" if _has_shared_memory() else "mmap",
        # Nobody replicates from the embedded server, so its log need not carry what only replicas read; bulk loads
        # fill a few GB of it before a checkpoint interrupts them. An acknowledged write is on disk (the default).
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_compression": "on",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "autovacuum_naptime": "15s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Failed statements and the details of their errors hold addresses of people; the log is no place for them.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
    }


def _memory_bytes() -> int:
    """The memory that this machine, or the container we are in, has."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(whole, int(text)) if text.isdecimal() else whole


def _megabytes(size_bytes: float, *, at_least: int, at_most: int) -> str:
    return f"{min(max(int(size_bytes / MIB), at_least), at_most)}MB"


def _has_shared_memory() -> bool:
    folder = Path("/dev/shm")  # noqa: S108
    if not folder.exists():
        return True
    found = os.statvfs(folder)
    return found.f_frsize * found.f_blocks >= ENOUGH_SHARED_MEMORY_BYTES
