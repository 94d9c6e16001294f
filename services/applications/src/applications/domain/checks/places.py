"""Standards 4 and 20: where, and by whom (A11, A12)."""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections.forms import Territory
from applications.domain.sections.parties import Locations
from applications.domain.sections.terms import TerritoryOfUse
from common import postcodes

NEEDS_PROCESSING = frozenset({"processing", "storage"})


def operators(case: Case) -> Iterator[Finding]:
    """Every operator is a party: storage counts as processing (Westminster and BT, A11)."""
    section = case.answers.of(Locations)
    if section is None:
        return
    if not any(NEEDS_PROCESSING.intersection(location.kinds) for location in section.locations):
        yield refuse(
            "NO_LOCATION",
            4,
            "/sections/4/locations",
            "No location says where the data are processed and stored.",
        )
    parties = case.answers.parties
    for position, location in enumerate(section.locations):
        if location.operator not in parties:
            yield refuse(
                "OPERATOR_NOT_A_PARTY",
                4,
                f"/sections/4/locations/{position}/operator",
                f"{location.operator} runs a location and is neither controller nor processor.",
            )


def addresses(case: Case) -> Iterator[Finding]:
    section = case.answers.of(Locations)
    for position, location in enumerate(section.locations if section else ()):
        is_british = location.country.startswith("GB")
        if is_british and postcodes.normal(location.postcode) is None:
            yield refuse(
                "POSTCODE_MALFORMED",
                4,
                f"/sections/4/locations/{position}/postcode",
                "This is not a postcode of the United Kingdom.",
            )


def countries(case: Case) -> Iterator[Finding]:
    """Check that every country is one of ISO 3166, the United Kingdom by its parts."""
    section = case.answers.of(Locations)
    for position, location in enumerate(section.locations if section else ()):
        if location.country not in case.rules.countries:
            yield refuse(
                "COUNTRY_UNKNOWN",
                4,
                f"/sections/4/locations/{position}/country",
                "This is no country of ISO 3166.",
            )


def territory(case: Case) -> Iterator[Finding]:
    """Check that the territory covers every location, and the condition of a transfer."""
    stated, section = case.answers.of(TerritoryOfUse), case.answers.of(Locations)
    if stated is None:
        return
    covered = case.rules.territories.get(stated.territory)
    for position, location in enumerate(section.locations if section else ()):
        if covered is not None and location.country not in covered:
            yield refuse(
                "OUTSIDE_TERRITORY",
                20,
                f"/sections/4/locations/{position}/country",
                f"{location.country} is not in the territory {stated.territory.value}.",
            )
    if stated.territory is Territory.WORLDWIDE and not stated.transfer_condition:
        yield refuse(
            "TRANSFER_CONDITION_MISSING",
            20,
            "/sections/20/transfer_condition",
            "Use outside the EEA needs a condition of transfer under chapter 5 of the GDPR.",
        )
