"""The background process: knows every job, and runs what is due.

A job is known once its module is imported, so this file imports every module that has one.
"""

import asyncio
import signal
from importlib import import_module
from typing import Final

from everpost.platform import config, job_runner, logs
from everpost.platform.config import Settings
from everpost.platform.db import connect

JOB_MODULES: Final = (
    "everpost.platform.mail",
    "everpost.platform.health",
    "everpost.platform.job_runner",
    "everpost.platform.rate_limits",
    "everpost.accounts.recoveries",
    "everpost.accounts.sweeps",
    "everpost.oauth.grants",
    "everpost.oauth.sweeps",
    "everpost.tracking.ingest",
    "everpost.contacts.custom_field_changes",
    "everpost.contacts.segment_members",
    "everpost.activities.exports",
    "everpost.activities.list_deletions",
    "everpost.activities.list_memberships",
    "everpost.activities.taggings",
    "everpost.activities.contact_deletions",
    "everpost.activities.tag_deletions",
    "everpost.activities.custom_field_deletions",
    "everpost.delivery.outbox",
    "everpost.delivery.dns_checks",
    "everpost.campaigns.sending",
    "everpost.campaigns.resending",
    "everpost.campaigns.ab_phases",
    "everpost.campaigns.cancelled_runs",
    "everpost.campaigns.click_lists",
    "everpost.campaigns.schedules",
    "everpost.campaigns.sweeps",
    "everpost.campaigns.automation_runs",
)


def load_jobs() -> None:
    """Import every module that has a job, a recurring task or a subscription."""
    for name in JOB_MODULES:
        import_module(name)


async def main(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; those under way are finished first."""
    logs.configure("worker")
    load_jobs()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    assert settings.database_url is not None
    db = await connect(settings.database_url, size=config.current().database_pool_size)
    try:
        await job_runner.run_until(stop, db, settings.database_url)
    finally:
        await db.close()
