"""Doors for relays: they bring no token, and sign what they tell."""

from typing import Final

from everpost.delivery import webhooks, webhooks_sendgrid, webhooks_ses
from everpost.platform.db import Db
from everpost.platform.http import OpenDoors, Request

open_doors: Final = OpenDoors(tag="Relays")


@open_doors.post("/webhooks/ses", hidden=True)
async def notify_by_ses(db: Db, request: Request) -> None:
    """Amazon SNS tells of bounces and complaints."""
    await webhooks_ses.receive(db, await webhooks.read_body(request.stream()))


@open_doors.post("/webhooks/sendgrid", hidden=True)
async def notify_by_sendgrid(db: Db, request: Request) -> None:
    """SendGrid tells of bounces, complaints and unsubscribing."""
    await webhooks_sendgrid.receive(
        db,
        await webhooks.read_body(request.stream()),
        signature=request.headers.get(webhooks_sendgrid.SIGNATURE_HEADER, ""),
        timestamp=request.headers.get(webhooks_sendgrid.TIMESTAMP_HEADER, ""),
    )
