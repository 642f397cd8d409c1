"""What a mail says about its sender's organisation: the account's tags and the postal address in the footer.

Everything is read when a send starts, so a change counts for mails that were scheduled before it.

Source: contract, campaigns §4.5 to §4.7.
"""

from msgspec import Struct

from everpost.accounts import sender_emails, summaries
from everpost.accounts.addresses import Address
from everpost.accounts.summaries import Summary, SummaryQuery
from everpost.contacts import street_addresses
from everpost.delivery import mail_settings
from everpost.delivery.footer import PostalAddress
from everpost.delivery.mail_settings import MailSettings
from everpost.ids import AccountId
from everpost.platform.db import Conn


class Organisation(Struct, frozen=True, kw_only=True):
    """An account, as its mails show it. `constants` are the values of its tags, by their names in lower case."""

    name: str
    address: PostalAddress | None
    constants: dict[str, str]
    settings: MailSettings


async def get(conn: Conn, account_id: AccountId) -> Organisation:
    summary = await summaries.get(conn, account_id, SummaryQuery(extra_fields=["physical_address"]))
    signature_email = await sender_emails.with_role(conn, account_id, "REPLY_TO") or summary.contact_email or ""
    address = summary.physical_address or None
    settings = await mail_settings.get(conn, account_id)
    return Organisation(
        name=summary.organization_name,
        address=_postal(summary.organization_name, address) if address else None,
        constants=_constants(summary, address, signature_email, settings),
        settings=settings,
    )


def _postal(name: str, address: Address) -> PostalAddress:
    return PostalAddress(
        organization_name=name,
        address_line1=address.address_line1,
        address_line2=address.address_line2 or "",
        address_line3=address.address_line3 or "",
        city=address.city,
        state=address.state_code or address.state_name or "",
        postal_code=address.postal_code or "",
        country_code=address.country_code,
    )


def _constants(
    summary: Summary, address: Address | None, signature_email: str, settings: MailSettings
) -> dict[str, str]:
    values = {
        "account.organizationname": summary.organization_name,
        "account.siteurl": _web(summary.website),
        "account.logourl": "",
        "account.signaturename": " ".join(part for part in (summary.first_name, summary.last_name) if part),
        "account.signatureemail": signature_email,
        "account.signatureimageurl": "",
        "aboutctctlink": settings.data_notice_url or "#",
        "customprivacypolicyurl": settings.privacy_policy_url,
        "partner": "",
    }
    return values | _address_constants(address)


def _address_constants(address: Address | None) -> dict[str, str]:
    names = ["addressline1", "addressline2", "addressline3", "city", "postalcode", "state", "usstate"]
    values = {f"account.{name}": "" for name in [*names, "country", "countrycode"]}
    if address is not None:
        country = street_addresses.country_name(address.country_code)
        state = address.state_name or street_addresses.state_name(address.state_code or "", country)
        values |= {
            "account.addressline1": address.address_line1,
            "account.addressline2": address.address_line2 or "",
            "account.addressline3": address.address_line3 or "",
            "account.city": address.city,
            "account.postalcode": address.postal_code or "",
            "account.state": state,
            "account.usstate": address.state_code or "",
            "account.country": country,
            "account.countrycode": address.country_code,
        }
    return values


def _web(website: str | None) -> str:
    """A website as people write it, as a URL."""
    website = (website or "").strip()
    return website if not website or "://" in website else f"https://{website}"
