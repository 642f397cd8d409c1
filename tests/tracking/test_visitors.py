"""People and programs: both are kept, the reports count by the contract, and the two can be told apart."""

from datetime import UTC, datetime, timedelta

import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform.db import Db
from everpost.tracking import counters, ledger, links, programs, visitors
from everpost.tracking.hits import Hit
from everpost.tracking.machines import Sign
from everpost.tracking.visitors import Visitors, Visits

pytestmark = pytest.mark.anyio

ACCOUNT, ACTIVITY = AccountId(new_id()), CampaignActivityId(new_id())
NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("", None),
        (MAC, None),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0", None),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", None),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", None),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", None),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17531; Pro)", None),
        ("Mozilla/5.0", "proxy"),
        (" mozilla/5.0 ", "proxy"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "scanner"),
        ("BarracudaCentral/1.0", "scanner"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/126.0.0.0 Safari/537.36", "scanner"),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "scanner"),
        ("W3C-checklink/4.81 libwww-perl/5.837", "scanner"),
        ("python-requests/2.32.3", "scanner"),
        ("Go-http-client/1.1", "scanner"),
        ("curl/8.5.0", "scanner"),
    ],
)
def test_programs_are_known_by_the_names_they_publish(user_agent: str, expected: str | None) -> None:
    assert expected == programs.kind(user_agent)


def hit(contact: ContactId, *, after: float = 0, url_id: UrlId | None = None, sign: Sign | None = None) -> Hit:
    return Hit(ACTIVITY, contact, NOON + timedelta(seconds=after), "computer", url_id, sign)


async def test_reports_count_programs_and_pages_can_tell_them_from_people(db: Db) -> None:
    reader, shielded, scanned, trapped = (ContactId(new_id()) for _ in range(4))
    async with db.transaction() as conn:
        numbers = list(
            (await links.register(conn, ACCOUNT, ACTIVITY, [f"https://a.example/{n}" for n in "12"])).values()
        )
        trap = await links.register_honeypot(conn, ACCOUNT, ACTIVITY, "https://a.example/1")
    visits = [
        *(hit(reader, after=after) for after in (1, 2)),
        hit(reader, after=3, url_id=numbers[0]),
        hit(shielded, sign="proxy"),
        hit(scanned, url_id=numbers[0], sign="scanner"),
        hit(scanned, after=1, url_id=numbers[1], sign="scanner"),
        hit(trapped),
        hit(trapped, after=1, url_id=trap, sign="honeypot"),
    ]
    await ledger.record(db, ACCOUNT, visits)
    nobody = CampaignActivityId(new_id())
    async with db.reader() as conn:
        found = await visitors.find(conn, ACCOUNT, [ACTIVITY, nobody])
        counted = (await counters.find(conn, ACCOUNT, [ACTIVITY]))[ACTIVITY]
    opens = Visits(by_people=2, by_proxies=1, by_scanners=1, left_out=1)
    clicks = Visits(by_people=1, by_scanners=2, left_out=1)
    assert {ACTIVITY: Visitors(opens, clicks), nobody: Visitors()} == found
    assert (opens.reported, clicks.reported) == (counted.opens_all, counted.clicks_all)
    assert (3, 2) == (counted.opens, counted.clicks)
