"""Relays' notifications over HTTPS, signed with keys of this test's own. Source: contract, campaigns §5.5 to §5.7."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from everpost.delivery import webhooks_ses
from everpost.platform import config
from everpost.tracking import counters
from tests.delivery.conftest import Sending, Work
from tests.support.smtp import parse

TOPIC = "arn:aws:sns:us-east-1:123456789012:everpost"
HOST = "https://sns.us-east-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123abcd.pem"


class Sns:
    """What Amazon's hosts answer, and what its service signs."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )  # fmt: skip
        self.asked: list[str] = []
        self.origin = ""

    def message(self, kind: str, version: str = "2", **members: str) -> dict[str, str]:
        unsigned = {
            "Type": kind, "MessageId": "165545c9", "TopicArn": TOPIC, "Timestamp": "2026-03-06T12:00:00.000Z", **members,
        }  # fmt: skip
        text = "".join(f"{name}\n{unsigned[name]}\n" for name in sorted(unsigned))
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
        return {**unsigned, "Signature": signature, "SignatureVersion": version, "SigningCertURL": CERTIFICATE}


@pytest.fixture(scope="module")
def sns() -> Iterator[Sns]:
    made = Sns()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(made.certificate)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        made.origin = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


class Relayed:
    """A mail that a relay took, and the web hooks' client."""

    def __init__(self, sending: Sending, client: Any, new: Any, headers: Any) -> None:
        self.sending, self.client, self.new, self.headers = sending, client, new, headers

    async def counts(self) -> dict[str, int]:
        activity_id = self.new.campaign_activity_id
        async with self.sending.db.reader() as conn:
            found = (await counters.find(conn, self.sending.account_id, [activity_id]))[activity_id]
        names = [name for name in found.__struct_fields__ if name != "campaign_activity_id"]
        return {name: value for name in names if (value := getattr(found, name))}

    async def ses(self, message: dict[str, str]) -> int:
        headers = {"content-type": "text/plain; charset=UTF-8"}
        answer = await self.client.post("/webhooks/ses", content=json.dumps(message), headers=headers)
        return int(answer.status_code)

    def notification(self, **members: Any) -> str:
        mail = {"source": "owner@harborlane.example", "headers": [{"name": "X", "value": "y"}],
                "commonHeaders": {"messageId": self.headers["Message-ID"]}}  # fmt: skip
        return json.dumps({"mail": mail, **members})


@pytest.fixture
async def relayed(sending: Sending, work: Work, mailbox: Any, api: Any, sns: Sns) -> Relayed:
    config.override(ses_topic=TOPIC, sns_mirror=sns.origin)
    await sending.contact("ann@example.com")
    new, _ = await sending.open()
    await work()
    (sent,) = await mailbox()
    return Relayed(sending, api.anonymous().client, new, parse(sent.content))


def bounced(diagnostic: str | None, *, subtype: str = "General") -> dict[str, Any]:
    recipient = {"emailAddress": "ann@example.com", **({"diagnosticCode": diagnostic} if diagnostic else {})}
    return {"bounceType": "Permanent", "bounceSubType": subtype, "bouncedRecipients": [recipient]}


def warnings(lines: list[Any]) -> list[tuple[str, int, int]]:
    """What the operator is told of complaints."""
    return [(line["event"], line["complaints"], line["sends"]) for line in lines if "complaints" in line]


async def test_ses_tells_of_bounces_and_complaints_and_replays_change_nothing(relayed: Relayed, sns: Sns) -> None:
    bounce = relayed.notification(notificationType="Bounce", bounce=bounced("smtp; 550 5.1.1 user unknown"))
    complaint = relayed.notification(
        eventType="Complaint",
        complaint={"complainedRecipients": [{"emailAddress": "ann@example.com"}], "complaintFeedbackType": "abuse"},
    )
    with capture_logs() as lines:
        for message in (bounce, complaint, bounce, complaint):
            assert 204 == await relayed.ses(sns.message("Notification", Message=message, Subject="Notification"))
    assert [("many recipients complain", 1, 1)] == warnings(lines)
    assert {"sends": 1, "bounces_nonexistent_address": 1, "abuse": 1} == await relayed.counts()


async def test_the_older_signature_of_sns_counts_as_well(relayed: Relayed, sns: Sns) -> None:
    message = relayed.notification(bounce=bounced("smtp; 552 5.2.2 mailbox full"))
    assert 204 == await relayed.ses(sns.message("Notification", "1", Message=message))
    assert {"sends": 1, "bounces_mailbox_full": 1} == await relayed.counts()


async def test_what_sns_did_not_sign_for_our_topic_is_refused(relayed: Relayed, sns: Sns) -> None:
    message = relayed.notification(bounce=bounced("smtp; 550 5.1.1 user unknown"))
    right = sns.message("Notification", Message=message)
    wrong = [
        {**right, "Message": message + " "},
        {**right, "Signature": "AAAA"},
        {**right, "Signature": "*"},
        {**right, "SignatureVersion": "1"},
        {**right, "SigningCertURL": "https://sns.evil.example/SimpleNotificationService-0123abcd.pem"},
        {**right, "SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"},
        sns.message("Notification", Message=message, TopicArn="arn:aws:sns:us-east-1:999999999999:theirs"),
    ]
    assert [403] * len(wrong) == [await relayed.ses(each) for each in wrong]
    assert 400 == await relayed.ses({"Type": "Notification"})
    assert {"sends": 1} == await relayed.counts()


async def test_a_subscription_is_confirmed_at_hosts_of_sns_only(relayed: Relayed, sns: Sns) -> None:
    members = {"Message": "You have chosen to subscribe", "Token": "2336412f37"}
    address = f"{HOST}/?Action=ConfirmSubscription&Token=2336412f37"
    assert 204 == await relayed.ses(sns.message("SubscriptionConfirmation", SubscribeURL=address, **members))
    assert "/?Action=ConfirmSubscription&Token=2336412f37" == sns.asked[-1]
    elsewhere = sns.message("SubscriptionConfirmation", SubscribeURL="https://evil.example/?x=y", **members)
    assert 400 == await relayed.ses(elsewhere)
    assert not any("x=y" in path for path in sns.asked)


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [("NoEmail", "B"), ("MailboxFull", "F"), ("ContentRejected", "Z"), ("MessageTooLarge", "X"), ("General", "X")],
)
def test_without_the_other_servers_words_the_subtype_decides(subtype: str, expected: str) -> None:
    message = json.dumps({"mail": {}, "bounce": bounced(None, subtype=subtype)})
    assert [expected] == [notice.bounce_code for notice in webhooks_ses.read(message)]


def test_deliveries_and_words_to_people_are_nothing() -> None:
    assert [] == list(webhooks_ses.read("Successfully validated SNS topic for Amazon SES event publishing."))
    assert [] == list(webhooks_ses.read(json.dumps({"eventType": "Delivery", "mail": {}, "delivery": {}})))


async def test_sendgrid_tells_by_signed_events(relayed: Relayed) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    config.override(sendgrid_webhook_key=base64.b64encode(public).decode())
    known = {"email": "ann@example.com", "timestamp": 1772798400, "smtp-id": relayed.headers["Message-ID"]}
    body = json.dumps(
        [
            {**known, "event": "deferred", "response": "400 try again later"},
            {**known, "event": "bounce", "type": "bounce", "status": "5.2.2", "reason": "552 5.2.2 Mailbox full"},
            {**known, "event": "spamreport"},
            {**known, "event": "bounce", "smtp-id": "<somebody@else.example>", "reason": "550 no"},
        ]
    ).encode()

    async def post(content: bytes) -> int:
        signature = key.sign(b"1772798400" + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": "1772798400",
        }
        return int((await relayed.client.post("/webhooks/sendgrid", content=content, headers=headers)).status_code)

    with capture_logs() as lines:
        assert [204, 204, 403] == [await post(content) for content in (body, body, body + b" ")]
    assert [("many recipients complain", 1, 1)] == warnings(lines)
    assert {"sends": 1, "bounces_mailbox_full": 1, "abuse": 1} == await relayed.counts()


async def test_a_web_hook_that_is_not_set_up_does_not_exist_and_takes_no_more_than_a_megabyte(relayed: Relayed) -> None:
    config.override(ses_topic=None)
    assert 404 == await relayed.ses({})
    assert 404 == (await relayed.client.post("/webhooks/sendgrid", content=b"[]")).status_code
    assert 413 == (await relayed.client.post("/webhooks/ses", content=b" " * 1_100_000)).status_code
