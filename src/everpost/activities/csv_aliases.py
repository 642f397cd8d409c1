"""Headings of other programs, in the spelling of `csv_columns.normal`, and the columns of the contract they mean.

`birthday` is no column of the contract: it is a month and a day in one cell.
"""

from collections.abc import Mapping
from typing import Final

_OUTLOOK: Final[Mapping[str, str]] = {
    "e_mail_address": "email",
    "company": "company_name",
    "business_phone": "work_phone",
    "home_postal_code": "home_zip",
    "home_country/region": "home_country",
    "business_street": "work_street",
    "business_street_2": "work_street2",
    "business_city": "work_city",
    "business_state": "work_state",
    "business_postal_code": "work_zip",
    "business_country/region": "work_country",
    "other_postal_code": "other_zip",
    "other_country/region": "other_country",
    "home_street_2": "home_street2",
    "other_street_2": "other_street2",
    "birthday": "birthday",
}
# Its present export and its former one.
_GOOGLE: Final[Mapping[str, str]] = {
    "e_mail_1_value": "email",
    "given_name": "first_name",
    "family_name": "last_name",
    "organization_name": "company_name",
    "organization_1_name": "company_name",
    "organization_title": "job_title",
    "organization_1_title": "job_title",
    "phone_1_value": "phone",
    "address_1_street": "street",
    "address_1_extended_address": "street2",
    "address_1_city": "city",
    "address_1_region": "state",
    "address_1_postal_code": "zip",
    "address_1_country": "country",
}
_MAILCHIMP_AND_HUBSPOT: Final[Mapping[str, str]] = {
    "address": "street",
    "phone_number": "phone",
    "mobile_phone_number": "mobile_phone",
    "street_address": "street",
    "state/region": "state",
    "country/region": "country",
    "postal_code": "zip",
    "zip_code": "zip",
    "date_of_birth": "birthday",
}
_GERMAN: Final[Mapping[str, str]] = {
    "e_mail_adresse": "email",
    "email_adresse": "email",
    "vorname": "first_name",
    "nachname": "last_name",
    "firma": "company_name",
    "position": "job_title",
    "telefon": "phone",
    "telefon_privat": "home_phone",
    "telefon_geschäftlich": "work_phone",
    "mobiltelefon": "mobile_phone",
    "straße": "street",
    "strasse": "street",
    "plz": "zip",
    "postleitzahl": "zip",
    "ort": "city",
    "bundesland": "state",
    "land": "country",
    "straße_privat": "home_street",
    "ort_privat": "home_city",
    "postleitzahl_privat": "home_zip",
    "straße_geschäftlich": "work_street",
    "ort_geschäftlich": "work_city",
    "postleitzahl_geschäftlich": "work_zip",
    "geburtstag": "birthday",
    "geburtsdatum": "birthday",
}
_OUR_EXPORTS: Final[Mapping[str, str]] = {
    **{f"phone_{kind}": f"{kind}_phone" for kind in ("home", "mobile", "work", "other")},
    **{
        f"{heading}_{kind}": f"{kind}_{part}"
        for kind in ("home", "work", "other")
        for heading, part in (
            ("street_address_line_1", "street"),
            ("city", "city"),
            ("state/province", "state"),
            ("zip/postal_code", "zip"),
            ("country", "country"),
        )
    },
}
_SYNONYMS: Final[Mapping[str, str]] = {
    "e_mail": "email",
    "surname": "last_name",
    "organization": "company_name",
    "mobile": "mobile_phone",
}

FOREIGN: Final[Mapping[str, str]] = {
    **_OUTLOOK, **_GOOGLE, **_MAILCHIMP_AND_HUBSPOT, **_GERMAN, **_OUR_EXPORTS, **_SYNONYMS
}  # fmt: skip
