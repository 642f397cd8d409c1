"""Start a program that cannot outlive us, under an unprivileged account where we are root.

Rules:
- A child asks the kernel for a signal on its parent's death (`PR_SET_PDEATHSIG`), so `kill -9` of everpost leaves
  nothing behind. Only Linux has that; elsewhere an orphaned server is found and used by the next start.
- The request follows the *thread* that forked, not the process, so that thread waits for the child until it ends.
- Changing the account clears the request, so it comes after; the parent may die before it, so the child looks again.
- All of this happens in a small interpreter of its own that then becomes the program: code between fork and exec
  (`preexec_fn`) may hang in a process that has threads.
This file is that interpreter's script as well, so it imports nothing but the standard library.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, NamedTuple

PR_SET_PDEATHSIG = 1

# Accounts that exist on most systems; we never create one. PostgreSQL's own is the natural owner of its files.
UNPRIVILEGED = ("everpost", "postgres", "nobody")


def cores() -> int:
    """How many cores this process may use."""
    # Only Linux tells; elsewhere it may use all there are.
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class Account(NamedTuple):
    """A user of the operating system, as the kernel knows it."""

    uid: int
    gid: int

    def may_reach(self, path: Path) -> bool:
        """Whether every folder above `path` lets this account through, and `path` lets it read."""
        above = all(self._is_granted(folder, 0o1) for folder in path.parents)
        return above and self._is_granted(path, 0o5 if path.is_dir() else 0o4)

    def _is_granted(self, path: Path, wanted: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & wanted == wanted


def unprivileged(folder: Path) -> Account | None:
    """The account for a server that refuses to run as root: `folder`'s owner, else a known one; None if not root.

    None as well when we are root and there is no such account.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        return Account(folder.stat().st_uid, folder.stat().st_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return None


def start(
    command: Sequence[str | Path],
    *,
    dying: signal.Signals,
    account: Account | None = None,
    handles: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; it gets `dying` when we die, and inherits the open `handles`.

    The group keeps a terminal's Ctrl-C from it: we decide in which order our children stop.
    """
    child: Future[subprocess.Popen[bytes]] = Future()

    def parent() -> None:
        try:
            process = subprocess.Popen(
                _launcher(command, dying, account),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=handles,
                env=environment,
                process_group=0,
            )
        except OSError as error:
            child.set_exception(error)
            return
        child.set_result(process)
        process.wait()

    threading.Thread(target=parent, name=f"parent of {Path(command[0]).name}", daemon=True).start()
    return child.result()


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    handles: Sequence[int] = (),
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end with `text` as its input, under `account`; what it prints is in the result."""
    return subprocess.run(
        _launcher(command, signal.SIGKILL, account),
        input=text,
        pass_fds=handles,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _launcher(command: Sequence[str | Path], dying: signal.Signals, account: Account | None) -> list[str]:
    uid, gid = account or (-1, -1)
    ours = [
        sys.executable,
        "-I",
        "-S",
        __file__,
        str(os.getpid()),
        str(int(dying)),
        str(uid),
        str(gid),
    ]
    return ours + [str(part) for part in command]


def die_with_parent(dying: signal.Signals, parent: int) -> None:
    """Get `dying` when the process `parent`, which started us, ends. For the main thread, at its beginning."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(dying))
        if os.getppid() != parent:
            sys.exit("everpost ended before its child had started")


def _become(command: list[str], parent: int, dying: int, uid: int, gid: int) -> None:
    """Turn this process into `command`."""
    if uid >= 0:
        os.umask(0o077)
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    die_with_parent(signal.Signals(dying), parent)
    # Python ignores these two for itself; the program shall find them as every program does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    _become(sys.argv[5:], *map(int, sys.argv[1:5]))
