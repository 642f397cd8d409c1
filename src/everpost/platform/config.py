"""Settings: one frozen Struct, read once from `EVERPOST_*` variables over `everpost.toml`, checked at start.

Rules: a variable wins over the file; the file is `EVERPOST_CONFIG`, else `everpost.toml` in the working folder, else in
the data folder. Every setting is a field below, so `docs/reference/settings.md` and the checks come from one place.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

PREFIX = "EVERPOST_"

_HOST_AND_PORT = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\]):(\d{1,5})", re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(r"https?://[^\s/?#@]+/?", re.IGNORECASE | re.ASCII)


class BadSetting(Exception):
    """A setting is missing, unknown or out of range; the message names it and says what is allowed."""


def _default_data() -> Path:
    # Root's home is closed to the unprivileged account that PostgreSQL must run under, so root's data lies elsewhere.
    if os.geteuid() == 0:
        return Path("/var/lib/everpost")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "everpost"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can set."""

    data: Annotated[Path, Meta(description="Data folder: database, uploads, keys.")] = msgspec.field(
        default_factory=_default_data
    )
    database_url: Annotated[str | None, Meta(description="PostgreSQL to use instead of the embedded one.")] = None
    pg_bin: Annotated[Path | None, Meta(description="Folder with other PostgreSQL binaries.")] = None
    database_pool_size: Annotated[int, Meta(ge=2, le=500, description="Connections of one process.")] = 16
    host: Annotated[str, Meta(description="Address the web process listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port the web process listens on.")] = 8080
    public_url: Annotated[str | None, Meta(description="Address in links, with scheme; no slash at its end.")] = None
    auth_base_url: Annotated[str | None, Meta(description="Public origin of the authorization server.")] = None
    api_base_url: Annotated[str | None, Meta(description="Public origin of the API.")] = None
    token_issuer: Annotated[str | None, Meta(description="The `iss` claim of access tokens.")] = None
    token_audience: Annotated[str | None, Meta(description="The `aud` claim of access tokens.")] = None
    require_tls: Annotated[bool, Meta(description="Refuse plain HTTP from other machines.")] = False
    hidden_link: Annotated[
        bool, Meta(description="End mails with a link that nobody sees: whoever follows it is a program.")
    ] = True
    leave_out_scanners: Annotated[
        bool, Meta(description="Leave opens and clicks of programs that call themselves scanners out of the reports.")
    ] = False
    leave_out_instant_visits: Annotated[
        bool, Meta(description="Leave visits within two seconds after a mail was accepted out of the reports.")
    ] = False
    trusted_proxies: Annotated[
        str, Meta(description="Addresses whose X-Forwarded-* headers are believed, comma-separated.")
    ] = ""
    refresh_reuse_grace_seconds: Annotated[
        int, Meta(ge=0, le=300, description="How long a rotated refresh token may be retried.")
    ] = 0
    token_failures_per_minute: Annotated[
        int, Meta(ge=0, le=1000, description="Failed token calls per application and per address; 0 is no limit.")
    ] = 60
    device_codes_per_minute: Annotated[
        int, Meta(ge=0, le=1000, description="Starts of the device flow per address; 0 is no limit.")
    ] = 30
    signing_key_days: Annotated[
        int, Meta(ge=0, description="After how many days tokens are signed with a new key; 0 is only by hand.")
    ] = 90
    portal_open_signup: Annotated[bool, Meta(description="Whether anybody may sign up on the portal.")] = True
    portal_require_email_confirmation: Annotated[
        bool, Meta(description="Ask people who sign up to open a link in a mail before they register applications.")
    ] = True
    trial_days: Annotated[int, Meta(ge=0, description="Length of the trial of those who sign up; 0 never ends.")] = 60
    portal_require_approval: Annotated[
        bool, Meta(description="New applications stay private until the operator approves them.")
    ] = False
    secret_key: Annotated[str | None, Meta(description="Instance key, base64 of 32 bytes; else kept in the data.")] = (
        None
    )
    demo_email: Annotated[str, Meta(description="Sign-in of the demo account.")] = "demo@everpost.example"
    demo_password: Annotated[str, Meta(min_length=8, description="Password of the demo account.")] = "everpost-demo"
    smtp_url: Annotated[
        str | None,
        Meta(description="Relays in their order, blanks between: smtp(s)://user:password@host:port; else the mailbox."),
    ] = None
    smtp_connections: Annotated[int, Meta(ge=1, le=100, description="Connections one worker keeps to the relay.")] = 4
    workers: Annotated[
        int, Meta(ge=0, le=64, description="Worker processes that `everpost up` starts; 0 is one per core, at most 8.")
    ] = 0
    account_per_minute: Annotated[
        int, Meta(ge=0, description="Campaign messages a minute of one account; 0 is no limit.")
    ] = 0
    domain_per_minute: Annotated[
        int, Meta(ge=0, description="Campaign messages a minute to one receiving domain; 0 is no limit.")
    ] = 0
    domain_limits: Annotated[
        str,
        Meta(
            pattern=r"^(\s*[^\s,=]+=[0-9]+\s*(,|\s|$))*$",
            description="Other limits for single domains, such as `gmail.com=600 example.net=0`; 0 is no limit.",
        ),
    ] = ""
    account_connections: Annotated[
        int, Meta(ge=0, le=1000, description="Connections that send for one account at once; 0 is no limit.")
    ] = 0
    domain_connections: Annotated[
        int, Meta(ge=0, le=1000, description="Connections that send to one receiving domain at once; 0 is no limit.")
    ] = 0
    domain_connection_limits: Annotated[
        str,
        Meta(
            pattern=r"^(\s*[^\s,=]+=[0-9]{1,3}\s*(,|\s|$))*$",
            description="Other such limits for single domains: `gmail.com=10 example.net=0`; 0 is no limit.",
        ),
    ] = ""
    warm_up: Annotated[
        str,
        Meta(
            pattern=r"^[0-9\s,]*$",
            description="What a sending domain may send on its first, second, ... day: `50 100 500`; then no limit.",
        ),
    ] = ""
    warm_up_domains: Annotated[
        str, Meta(description="Sending domains that are warmed up, separated by blanks; else all of them.")
    ] = ""
    pause_bounce_percent: Annotated[
        float, Meta(ge=0, le=100, description="A send pauses itself when this share of it bounced; 0 is never.")
    ] = 25
    pause_complaint_percent: Annotated[
        float, Meta(ge=0, le=100, description="A send pauses itself when this share of it complained; 0 is never.")
    ] = 0
    pause_after_messages: Annotated[
        int,
        Meta(ge=1, description="Sends smaller than this, and the beginnings of larger ones, never pause themselves."),
    ] = 1000
    mail_from: Annotated[str, Meta(description="Sender of the instance's own mails.")] = "everpost@localhost"
    sending_domain: Annotated[str | None, Meta(description="Domain in Message-ID and List-ID.")] = None
    bounce_domain: Annotated[
        str | None, Meta(description="Domain in return paths; its mail must reach `everpost receive`.")
    ] = None
    inbound_smtp: Annotated[
        str | None, Meta(description="Address host:port where mail to the bounce domain is taken; off by default.")
    ] = None
    inbound_certificate_file: Annotated[
        Path | None, Meta(description="PEM file with the certificate chain to take that mail over TLS (STARTTLS) with.")
    ] = None
    inbound_key_file: Annotated[
        Path | None, Meta(description="PEM file with the certificate's key; else it is in the same file.")
    ] = None
    ses_topic: Annotated[
        str | None, Meta(description="ARN of the SNS topic with Amazon SES's notifications, for /webhooks/ses.")
    ] = None
    sns_mirror: Annotated[
        str | None, Meta(description="Origin that stands in for Amazon SNS's hosts where they cannot be reached.")
    ] = None
    sendgrid_webhook_key: Annotated[
        str | None, Meta(description="Verification key of SendGrid's signed event webhook, for /webhooks/sendgrid.")
    ] = None
    dkim_domain: Annotated[str | None, Meta(description="Domain that signs outgoing campaign mail.")] = None
    dkim_selector: Annotated[str | None, Meta(description="Selector of the DKIM key.")] = None
    dkim_key_file: Annotated[Path | None, Meta(description="PEM file with the RSA or Ed25519 key.")] = None
    dkim_ed25519: Annotated[bool, Meta(description="Make an Ed25519 key beside the RSA key of a domain.")] = False
    dkim_required: Annotated[bool, Meta(description="Send no campaign whose sender's domain has no key.")] = False
    shared_sending_domain: Annotated[
        str | None, Meta(description="Takes the place of a From domain that has no key of its own.")
    ] = None
    spf_include: Annotated[str | None, Meta(description="Domain whose SPF record allows your relay.")] = None
    dns_server: Annotated[str | None, Meta(description="Name server host:port for checks; else the system's.")] = None
    mailbox_keep: Annotated[int, Meta(ge=100, description="Mails the built-in mailbox keeps.")] = 20_000
    rate_per_second: Annotated[
        int, Meta(ge=0, le=1000, description="Requests per second and application; 0 is no limit.")
    ] = 4
    rate_per_day: Annotated[int, Meta(ge=0, description="Requests per UTC day and application; 0 is no limit.")] = (
        10_000
    )
    segment_seconds: Annotated[
        float,
        Meta(ge=0, le=60, description="How long GET /contacts?segment_id= computes before it answers 202; 0: at once."),
    ] = 2
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe line that is logged.")
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="How a log line is written.")] = "text"

    @property
    def origin(self) -> str:
        """Address in links: `public_url`, else this process's own."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def auth_origin(self) -> str:
        return (self.auth_base_url or self.origin).rstrip("/")

    @property
    def api_origin(self) -> str:
        return (self.api_base_url or self.origin).rstrip("/")

    @property
    def issuer(self) -> str:
        return self.token_issuer or f"{self.auth_origin}/oauth2/default"

    @property
    def audience(self) -> str:
        return self.token_audience or f"{self.api_origin}/v3"


_current: Settings | None = None


def current() -> Settings:
    """The settings of this process. Raises: BadSetting."""
    global _current
    if _current is None:
        _current = load(os.environ)
    return _current


def override(**changes: Any) -> Settings:
    """Replace single settings of this process. For tests and for command-line options."""
    global _current
    _current = msgspec.structs.replace(current(), **changes)
    return _current


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings. Raises: BadSetting."""
    found: dict[str, Any] = {}
    found.update(_from_environment(environment))
    data = Path(found["data"]) if "data" in found else _default_data()
    settings = {**_from_file(environment, data), **found}
    try:
        read = msgspec.convert(settings, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise BadSetting(f"Settings: {error}. Known settings: {', '.join(names())}.") from error
    _check(read)
    return read


def host_and_port(address: str) -> tuple[str, int]:
    """Of `host:port`; an IPv6 address stands in brackets. Raises: BadSetting."""
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise BadSetting(f"{address!r} must be like 0.0.0.0:25.")
    return match[1].strip("[]"), int(match[2])


def names() -> list[str]:
    return [field.name for field in msgspec.structs.fields(Settings)]


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = set(names())
    return {
        name: value
        for variable, value in environment.items()
        if variable.startswith(PREFIX) and (name := variable.removeprefix(PREFIX).lower()) in known and value != ""
    }


def _from_file(environment: Mapping[str, str], data: Path) -> dict[str, Any]:
    chosen = environment.get(PREFIX + "CONFIG")
    candidates = [Path(chosen)] if chosen else [Path("everpost.toml"), data / "everpost.toml"]
    for path in candidates:
        if path.is_file():
            return _read_file(path)
    if chosen:
        raise BadSetting(f"{PREFIX}CONFIG names {chosen}, which does not exist.")
    return {}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path} is no readable TOML file: {error}") from error


def _check(settings: Settings) -> None:
    """What a type cannot say. Raises: BadSetting."""
    for name in ("public_url", "auth_base_url", "api_base_url", "sns_mirror"):
        address = getattr(settings, name)
        # These become links, headers and the issuer of tokens, where a path or a stray character breaks every client.
        if address is not None and not _ORIGIN.fullmatch(address):
            raise BadSetting(f"{PREFIX}{name.upper()} must be like https://mail.example.com, not {address!r}.")
    if settings.inbound_smtp is not None:
        host_and_port(settings.inbound_smtp)
    for address in filter(None, map(str.strip, settings.trusted_proxies.split(","))):
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise BadSetting(f"{PREFIX}TRUSTED_PROXIES holds {address!r}, which is no IP address.") from error


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError(kind)
