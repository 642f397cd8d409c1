"""The web process: mounts every door.

`create()` is what the server loads; `everpost serve` and `everpost up` run it.
"""

import asyncio
import contextlib
from importlib import import_module
from typing import Any, Final

from everpost.accounts import sessions
from everpost.delivery import targets
from everpost.oauth import scopes, tokens
from everpost.platform import config, logs, rate_limits
from everpost.platform.db import Db, connect
from everpost.platform.http import App, Door
from everpost.platform.openapi import About, document_doors
from everpost.portal import reference, reference_words
from everpost.tracking import public as tracking_public

# Every module with doors; each offers `doors` (API), `open_doors` (programs without a token) or `pages` (people).
DOOR_MODULES: Final = (
    "everpost.accounts.api",
    "everpost.accounts.public",
    "everpost.oauth.api",
    "everpost.oauth.public",
    "everpost.contacts.api",
    "everpost.contacts.public",
    "everpost.activities.api",
    "everpost.delivery.public",
    "everpost.delivery.api",
    "everpost.campaigns.api",
    "everpost.campaigns.public",
    "everpost.reports.api",
    "everpost.portal.public",
    "everpost.portal.activities_pages",
    "everpost.portal.sign_up_pages",
    "everpost.portal.password_pages",
    "everpost.portal.sign_in_api",
    "everpost.portal.apps_pages",
    "everpost.portal.apps_api",
    "everpost.portal.account_pages",
    "everpost.portal.domain_pages",
    "everpost.portal.mail_settings_pages",
    "everpost.portal.suppression_pages",
    "everpost.portal.people_pages",
    "everpost.portal.security_pages",
    "everpost.portal.campaigns_pages",
    "everpost.portal.composer_pages",
    "everpost.portal.automation_pages",
    "everpost.portal.campaign_new_pages",
    "everpost.portal.campaign_pages",
    "everpost.portal.campaign_details_pages",
    "everpost.portal.campaign_content_pages",
    "everpost.portal.campaign_audience_pages",
    "everpost.portal.campaign_link_pages",
    "everpost.portal.campaign_subject_test_pages",
    "everpost.portal.campaign_resend_pages",
    "everpost.portal.campaign_test_mail_pages",
    "everpost.portal.campaign_schedule_pages",
    "everpost.portal.campaign_sending_pages",
    "everpost.portal.campaign_trace_pages",
    "everpost.portal.report_pages",
    "everpost.portal.contact_timeline_pages",
    "everpost.portal.contact_table_pages",
    "everpost.portal.contact_edit_pages",
    "everpost.portal.contact_import_pages",
    "everpost.portal.contact_export_pages",
    "everpost.portal.list_pages",
    "everpost.portal.segment_pages",
    "everpost.portal.swagger_ui",
    "everpost.portal.echarts",
    "everpost.portal.docs",
    "everpost.platform.health",
)
# Modules whose subscriptions concern facts that doors publish, and which no door needs.
SUBSCRIBING_MODULES: Final = (
    "everpost.campaigns.automation_runs",
    "everpost.campaigns.ab_phases",
    "everpost.campaigns.cancelled_runs",
    "everpost.campaigns.click_lists",
)
# A request that cannot be served within this is answered 503; a proxy in front would have given up soon after.
_WAIT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 30
ABOUT: Final = About(
    "everpost API",
    "Contacts, lists, imports, email campaigns and their reports. Wire-compatible with the Constant Contact V3 API; "
    "everpost is independent of it.",
    scopes.MEANINGS,
    tags=reference_words.TAGS,
    meanings=reference_words.MEANINGS,
    examples=reference_words.EXAMPLES,
    bodies=reference_words.BODIES,
)
_KINDS: Final = ("doors", "open_doors", "pages")


def create() -> App:
    """The application, ready to be served; its database opens when the server starts it."""
    logs.configure("web")
    for name in SUBSCRIBING_MODULES:
        import_module(name)
    ingest = tracking_public.Ingest(targets.personalise)
    counting = _Counting()
    doors = all_doors()
    return App(
        [*doors, *document_doors(doors, ABOUT), *reference.page_doors(doors, ABOUT)],
        open_database=_open_database,
        read_caller=tokens.read_caller,
        find_session=sessions.find,
        fronts={"/o/": ingest, "/c/": ingest, "/l/": ingest},
        on_start=[ingest.start, counting.start],
        on_stop=[counting.stop, ingest.stop],
    )


def all_doors() -> list[Door]:
    """The doors of every slice, in the order of `DOOR_MODULES`."""
    found: list[Door] = []
    for name in DOOR_MODULES:
        module: Any = import_module(name)
        for kind in _KINDS:
            found.extend(getattr(module, kind, ()))
    return found


async def _open_database() -> Db:
    settings = config.current()
    assert settings.database_url is not None
    return await connect(
        settings.database_url,
        size=settings.database_pool_size,
        wait_seconds=_WAIT_SECONDS,
        statement_seconds=_STATEMENT_SECONDS,
    )


class _Counting:
    """Shares this process's request counts with the other nodes: about once a second, and when it stops."""

    async def start(self, db: Db) -> None:
        with contextlib.suppress(Exception):  # the database may still be away; the first merge tells as well
            await rate_limits.load(db)
        self._db = db
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._merge()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self._merge()

    async def _merge(self) -> None:
        with contextlib.suppress(Exception):  # a missed merge is made up by the next
            await rate_limits.merge(self._db)
