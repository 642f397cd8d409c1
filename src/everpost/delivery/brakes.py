"""What holds an account's mail back at the moment, in sentences: limits, warm-ups, and who asked for less."""

from everpost.delivery import throttles, warm_ups
from everpost.ids import AccountId
from everpost.platform import clock, config, relays
from everpost.platform.db import Conn


async def sentences(conn: Conn, account_id: AccountId, from_email: str) -> list[str]:
    """For mail from this address; empty when it leaves as fast as it can."""
    now = clock.now()
    settings = config.current()
    found = []
    domain = throttles.domain_of(from_email)
    today = await warm_ups.so_far_today(conn, account_id, domain, now=now)
    if today is not None:
        found.append(
            f"{domain} is being warmed up: {today.sent:,} of the {today.allowed:,} messages of today have left; "
            "what is more waits until tomorrow (UTC)."
        )
    if settings.account_per_minute:
        found.append(f"The account may send {settings.account_per_minute:,} messages a minute.")
    # The first takes everything as long as it answers.
    relay = relays.read_all(settings.smtp_url)[0] if settings.smtp_url else None
    if relay is not None and relay.per_minute:
        found.append(f"The mail relay takes {relay.per_minute:,} messages a minute.")
    for name, rate in sorted((await throttles.slowed(conn, now)).items()):
        kind, _, slow = name.partition(":")
        found.append(f"{slow if kind == 'domain' else 'A mail relay'} asked for less: {rate:,.0f} messages a minute.")
    return found
