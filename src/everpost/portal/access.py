"""Who may see which mail of the built-in mailbox.

It holds all mail of the instance: campaigns, confirmations, password resets. So:

- a request from this very machine sees everything, without signing in, as long as the instance is a local one. Local
  means: the peer is a loopback address, no header says that a proxy speaks for someone else, the Host header names the
  loopback (else a foreign page could reach us under a name of its own), and the instance's own address is no public one
  (a proxy on this machine that adds no header would otherwise open the mailbox to the world);
- anybody else signs in, and sees the mail of their own account only.
"""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from everpost.ids import AccountId
from everpost.platform import config, gate
from everpost.platform.caller import Session
from everpost.platform.exchange import Exchange


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who may look. `account_id` is None for the operator at the machine, who sees every mail."""

    account_id: AccountId | None


def find_viewer(exchange: Exchange, session: Session | None) -> Viewer | None:
    """None means: sign in first."""
    if _is_operator(exchange):
        return Viewer(None)
    return Viewer(session.account_id) if session else None


def _is_operator(exchange: Exchange) -> bool:
    return (
        gate.is_local(exchange)
        and "via" not in exchange.headers
        and _is_here(urlsplit(f"//{exchange.header('host')}").hostname)
        and _is_here(urlsplit(config.current().origin).hostname)
    )


def _is_here(host: str | None) -> bool:
    """Whether a name or address can only mean this machine; 0.0.0.0 is what a process listens on, not a public name."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
