"""Countries, states and the time zone that follows from them.

Rules: countries are ISO 3166-1 alpha-2; the United States have their 50 states, DC, the territories and the three
military "states"; Canada its 13 provinces and territories. A zone is any name that the time-zone database knows,
`US/Eastern` and other old names included. Source: contract, account.md §4-§5.
"""

import functools
import zoneinfo
from importlib import resources
from typing import Final

import pycountry

WITH_STATES: Final = frozenset({"US", "CA"})

_EASTERN: Final = "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV AA AE"
_CENTRAL: Final = "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI"
_MOUNTAIN: Final = "CO ID MT NM UT WY"
_PACIFIC: Final = "CA NV OR WA AP"

_US_ZONES: Final = {
    **dict.fromkeys(_EASTERN.split(), "US/Eastern"),
    **dict.fromkeys(_CENTRAL.split(), "US/Central"),
    **dict.fromkeys(_MOUNTAIN.split(), "US/Mountain"),
    **dict.fromkeys(_PACIFIC.split(), "US/Pacific"),
    "AZ": "US/Arizona",
    "AK": "US/Alaska",
    "HI": "US/Hawaii",
    "AS": "Pacific/Pago_Pago",
    "GU": "Pacific/Guam",
    "MP": "Pacific/Saipan",
    "PR": "America/Puerto_Rico",
    "UM": "Pacific/Wake",
    "VI": "America/St_Thomas",
}

_CA_ZONES: Final = {
    "AB": "America/Edmonton",
    "BC": "America/Vancouver",
    "MB": "America/Winnipeg",
    "NB": "America/Moncton",
    "NL": "America/St_Johns",
    "NS": "America/Halifax",
    "NT": "America/Yellowknife",
    "NU": "America/Iqaluit",
    "ON": "America/Toronto",
    "PE": "America/Halifax",
    "QC": "America/Montreal",
    "SK": "America/Regina",
    "YT": "America/Whitehorse",
}

# Where a country has several zones, the database lists them from east to west or by geography; people expect this one.
_MAIN_ZONES: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "EC": "America/Guayaquil",
    "FM": "Pacific/Pohnpei",
    "KI": "Pacific/Tarawa",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "US/Eastern",
}


def is_country(code: str) -> bool:
    """Whether this is an ISO 3166-1 alpha-2 code in capitals."""
    return code.isupper() and len(code) == 2 and pycountry.countries.get(alpha_2=code) is not None


def is_state(country_code: str, state_code: str) -> bool:
    """Whether this is a state of the United States or a province of Canada, in capitals."""
    match country_code:
        case "US":
            return state_code in _US_ZONES
        case "CA":
            return state_code in _CA_ZONES
        case _:
            return False


def is_time_zone(name: str) -> bool:
    return name in _zone_names()


def default_time_zone(country_code: str | None, state_code: str | None) -> str:
    """The zone an account has until it chooses one."""
    if country_code == "US" and state_code in _US_ZONES:
        return _US_ZONES[state_code]
    if country_code == "CA" and state_code in _CA_ZONES:
        return _CA_ZONES[state_code]
    if country_code is None:
        return "UTC"
    return _MAIN_ZONES.get(country_code) or _first_zones().get(country_code, "UTC")


@functools.cache
def countries() -> list[tuple[str, str]]:
    """Codes and names, by name."""
    pairs = [(country.alpha_2, getattr(country, "common_name", country.name)) for country in pycountry.countries]
    return sorted(pairs, key=lambda pair: pair[1])


@functools.cache
def time_zones() -> list[str]:
    """The names that people choose from: an area and a place."""
    areas = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific", "US")
    return [*sorted(name for name in _zone_names() if name.partition("/")[0] in areas), "UTC"]


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"})


@functools.cache
def _first_zones() -> dict[str, str]:
    """The first zone of each country, from the table that comes with the time-zone database."""
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8")
    zones: dict[str, str] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            zones.setdefault(country, zone)
    return zones
