"""The guides: they name this instance's own addresses, and their links lead somewhere."""

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from everpost.platform import config
from everpost.platform.http import App
from everpost.portal.docs import GUIDES
from tests.support.api import Api


@pytest.fixture
def visitor(app: App) -> Api:
    return Api(app, None)


async def test_every_guide_is_listed_and_names_this_instance_s_addresses(visitor: Api) -> None:
    config.override(api_base_url="https://api.own.example", auth_base_url="https://auth.own.example")
    index = (await visitor.get("/portal/docs")).text
    texts = []
    for guide in GUIDES:
        assert f'href="/portal/docs/{guide.name}"' in index
        answer = await visitor.get(f"/portal/docs/{guide.name}")
        assert (200, guide.title) == (answer.status, LexborHTMLParser(answer.text).css_first("h1").text())
        texts.append(answer.text)
    together = "".join(texts)
    assert "https://api.own.example/v3/contacts" in together
    assert "https://auth.own.example/oauth2/default/v1/token" in together
    assert 404 == (await visitor.get("/portal/docs/nothing")).status


async def test_no_link_of_the_guides_leads_nowhere(visitor: Api) -> None:
    pages = ["/portal/docs", "/reference", *(f"/portal/docs/{guide.name}" for guide in GUIDES)]
    links = set()
    for page in pages:
        links |= set(re.findall(r'href="(/[^"#]*)', (await visitor.get(page)).text))
    broken = [link for link in sorted(links) if (await visitor.get(link)).status not in (200, 303)]
    assert [] == broken


async def test_the_guide_of_limits_tells_those_of_this_instance(visitor: Api) -> None:
    config.override(rate_per_second=7, rate_per_day=1234)
    text = (await visitor.get("/portal/docs/limits")).text
    assert "7 requests" in text
    assert "1,234 requests" in text
    config.override(rate_per_second=0, rate_per_day=0)
    assert 2 == (await visitor.get("/portal/docs/limits")).text.count("No limit on this instance.")
