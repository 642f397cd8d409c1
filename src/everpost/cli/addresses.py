"""Where the web process listens, and who answers there."""

import http.client
import os
import socket

from everpost.platform import config
from everpost.platform.config import BadSetting, Settings


class PortTaken(BadSetting):
    """Another program listens on the port."""


def choose(host: str | None, port: int | None) -> None:
    """Let options win over the settings, here and in the processes that we start."""
    for name, value in (("HOST", host), ("PORT", port)):
        if value is not None:
            os.environ[f"EVERPOST_{name}"] = str(value)
            config.override(**{name.lower(): value})


def require_free(settings: Settings) -> None:
    """Raises: PortTaken."""
    try:
        with socket.create_server((settings.host, settings.port), family=_family(settings.host)):
            return
    except OSError as error:
        raise PortTaken(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. PORT= or EVERPOST_PORT moves it."
        ) from error


def origin(settings: Settings) -> str:
    """The address in links: the chosen one, else this machine's own, as a browser here can open it."""
    if settings.public_url:
        return settings.public_url
    host = _reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def health(settings: Settings, *, timeout_seconds: float = 2) -> bytes | None:
    """What /healthz says on the instance's own port; None when nothing answers there."""
    connection = http.client.HTTPConnection(_reachable(settings.host), settings.port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """Where to call whoever listens on `host`, which may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
