"""The user agent decides between computer, mobile, tablet and other; without one nothing is captured."""

import pytest

from everpost.tracking.device_types import DeviceType, device_type

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"


@pytest.mark.parametrize(
    ("expected", "user_agent"),
    [
        (None, ""),
        (None, "  "),
        ("computer", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36"),
        ("computer", f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36"),
        ("computer", f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36"),
        ("computer", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"),
        ("computer", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"),
        ("computer", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Thunderbird/115.12.2"),
        ("computer", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)"),
        ("computer", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)"),
        ("computer", "Lotus-Notes/6.0; Windows-NT"),
        ("mobile", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"),
        ("mobile", f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36"),
        ("mobile", "Mozilla/5.0 (compatible; MSIE 10.0; Windows Phone 8.0; Trident/6.0)"),
        ("mobile", "Outlook-iOS/709.2226530.prod.iphone"),
        ("mobile", "Mozilla/5.0 (Mobile; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.0"),
        ("tablet", "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"),
        ("tablet", f"Mozilla/5.0 (Linux; Android 13; SM-X700) {CHROME} Safari/537.36"),
        ("tablet", "Mozilla/5.0 (Linux; U; en-us; KFAPWI Build/JDQ39) AppleWebKit/535.19 Silk/3.13 Safari/535.19"),
        ("tablet", "Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) Kindle/3.0+"),
        ("other", "Mozilla/5.0"),
        ("other", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"),
        ("other", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"),
        ("other", "python-httpx/0.28.1"),
        ("other", "Mozilla/5.0 (PlayStation 5 3.0)"),
        ("other", "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/538.1"),
    ],
)
def test_a_user_agent_says_what_device_it_is(expected: DeviceType | None, user_agent: str) -> None:
    assert expected == device_type(user_agent)
