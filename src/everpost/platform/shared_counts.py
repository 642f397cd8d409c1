"""What the processes of one node have counted, in a file that all of them map into their memory.

Rules:
- One slot per application, in the order they were first seen. A slot never moves, so a process remembers where each is.
- Whoever changes a slot locks it for those few microseconds. The kernel unlocks for a process that dies.
- The file grows by whole chunks of empty slots; what is never written to takes no room on disk.
"""

import fcntl
import mmap
import struct
import tempfile
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from uuid import UUID

from everpost.platform import logs

# As many moments as a slot remembers, and with that the highest limit for a second.
MOST_PER_SECOND: Final = 1000

_HEAD: Final = struct.Struct("=16s4q")  # application; day, requests on that day, those of them unsaved, requests ever
_NUMBERS: Final = struct.Struct("=4q")
_MOMENT: Final = struct.Struct("=d")
_NUMBERS_AT: Final = _HEAD.size - _NUMBERS.size
_SLOT_BYTES: Final = 8192
_SLOTS_PER_CHUNK: Final = 64
_CHUNK_BYTES: Final = _SLOT_BYTES * _SLOTS_PER_CHUNK
_NOBODY: Final = bytes(16)
# A lock needs no byte behind it: this one, beyond any slot, stands for the order of the slots.
_ORDER_LOCK: Final = 2**62

log = logs.get(__name__)


class Slot:
    """One application's counts. To be entered, which locks it, before anything is read or changed."""

    __slots__ = ("_day", "_ever", "_file", "_memory", "_start", "_today", "_unsaved", "_where")

    def __init__(self, file: IO[bytes], memory: mmap.mmap, start: int, where: int) -> None:
        self._file, self._memory, self._start, self._where = file, memory, start, where
        self._day = self._today = self._unsaved = self._ever = 0

    def __enter__(self) -> Self:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._where)
        self._day, self._today, self._unsaved, self._ever = _NUMBERS.unpack_from(
            self._memory, self._start + _NUMBERS_AT
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._where)

    @property
    def owner(self) -> bytes:
        """The application's id, or `_NOBODY`."""
        return self._memory[self._start : self._start + len(_NOBODY)]

    def give_to(self, app_id: bytes) -> None:
        self._memory[self._start : self._start + len(_NOBODY)] = app_id

    def of(self, day: date) -> int:
        """How many requests are known of this day."""
        return self._today if self._day == day.toordinal() else 0

    def has_been_called(self, times: int, now: datetime) -> bool:
        """Whether that many requests lie within the second that ends now; at most `MOST_PER_SECOND` are remembered."""
        if self._ever < times:
            return False
        moment: float = _MOMENT.unpack_from(self._memory, self._moment_at(self._ever - times))[0]
        # A moment far ahead is from before the machine's clock was set back, and would lock everybody out until then.
        return now.timestamp() - 1 < moment <= now.timestamp() + 1

    def add(self, now: datetime) -> None:
        """Count one request."""
        self._begin(now.date())
        _MOMENT.pack_into(self._memory, self._moment_at(self._ever), now.timestamp())
        self._write(self._today + 1, self._unsaved + 1, self._ever + 1)

    def take_unsaved(self, day: date) -> int:
        """The requests of this day that nobody has saved yet; they are the caller's to save now."""
        taken = self._unsaved if self._day == day.toordinal() else 0
        if taken:
            self._write(self._today, self._unsaved - taken, self._ever)
        return taken

    def give_back(self, day: date, requests: int) -> None:
        """They could not be saved."""
        if self._day == day.toordinal():
            self._write(self._today, self._unsaved + requests, self._ever)

    def learn(self, day: date, saved: int) -> None:
        """So many have been saved by all nodes. What another process is just saving may be missing from it."""
        self._begin(day)
        if saved + self._unsaved > self._today:
            self._write(saved + self._unsaved, self._unsaved, self._ever)

    def _begin(self, day: date) -> None:
        if self._day < day.toordinal():
            self._day, self._today, self._unsaved = day.toordinal(), 0, 0

    def _write(self, today: int, unsaved: int, ever: int) -> None:
        self._today, self._unsaved, self._ever = today, unsaved, ever
        _NUMBERS.pack_into(self._memory, self._start + _NUMBERS_AT, self._day, today, unsaved, ever)

    def _moment_at(self, number: int) -> int:
        return self._start + _HEAD.size + number % MOST_PER_SECOND * _MOMENT.size


class SharedCounts:
    """The slots of all applications."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        self._chunks: list[mmap.mmap] = []
        self._slots: dict[bytes, Slot] = {}

    def close(self) -> None:
        self._slots.clear()
        for memory in self._chunks:
            memory.close()
        self._file.close()

    def slot(self, app_id: UUID) -> Slot:
        found = self._slots.get(app_id.bytes)
        return self._claim(app_id.bytes) if found is None else found

    def _claim(self, app_id: bytes) -> Slot:
        """The slot that another process has given the application since, else the next empty one."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _ORDER_LOCK)
        try:
            while app_id not in self._slots:
                slot = self._next()
                if slot.owner == _NOBODY:
                    slot.give_to(app_id)
                self._slots[slot.owner] = slot
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _ORDER_LOCK)
        return self._slots[app_id]

    def _next(self) -> Slot:
        """The first slot that we have not seen yet."""
        chunk, place = divmod(len(self._slots), _SLOTS_PER_CHUNK)
        if chunk == len(self._chunks):
            self._map_another()
        start = place * _SLOT_BYTES
        return Slot(self._file, self._chunks[chunk], start, chunk * _CHUNK_BYTES + start)

    def _map_another(self) -> None:
        end = (len(self._chunks) + 1) * _CHUNK_BYTES
        if self._file.seek(0, 2) < end:
            self._file.truncate(end)
        self._chunks.append(mmap.mmap(self._file.fileno(), _CHUNK_BYTES, offset=end - _CHUNK_BYTES))


def _open(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return path.open("r+b", buffering=0)
    except OSError as error:
        log.warning("requests are counted by each process for itself", error=str(error))
        return tempfile.TemporaryFile(buffering=0)
