"""The certificate with which the mail server at the bounce domain offers STARTTLS.

Rules: it is read again when its file was replaced, as renewals do every few weeks; while the new one cannot be read,
the old one stays.
"""

import ssl
from pathlib import Path
from typing import TypeAlias

from everpost.platform import logs
from everpost.platform.config import BadSetting, Settings

# What changes of the two files when they are written anew.
_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]

log = logs.get(__name__)


class Certificate:
    """A chain and its key, in PEM files."""

    def __init__(self, file: Path, key_file: Path | None) -> None:
        """Raises: OSError (ssl.SSLError is one)."""
        self._files = (file, key_file or file)
        self._stamp = _stamp(self._files)
        self._context = _read(self._files)

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        try:
            stamp = _stamp(self._files)
            if stamp != self._stamp:
                self._context = _read(self._files)
                self._stamp = stamp
        except OSError as error:
            log.warning("the renewed certificate cannot be read", file=str(self._files[0]), error=str(error))
        return self._context


def configured(settings: Settings) -> Certificate | None:
    """Raises: BadSetting."""
    file = settings.inbound_certificate_file
    if file is None:
        return None
    try:
        return Certificate(file, settings.inbound_key_file)
    except OSError as error:
        raise BadSetting(f"EVERPOST_INBOUND_CERTIFICATE_FILE: {file} with its key cannot be read: {error}") from error


def _read(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


def _stamp(files: tuple[Path, Path]) -> _Stamp:
    found = [file.stat() for file in files]
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)
