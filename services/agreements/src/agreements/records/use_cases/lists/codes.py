"""Reading codes by the loaded lists: their normal form on a day (ruling 23)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from agreements.records.domain.parties.codes import OF_ANOTHER, Codes
from agreements.records.domain.parties.organisation import Organisation
from agreements.records.use_cases.ports import Reference, Transaction
from common.grouping import grouped


@dataclass(frozen=True, slots=True)
class Lists:
    """What the lists say of some codes, and how these are read on a day."""

    codes: Codes
    organisations: Mapping[str, Sequence[Organisation]]


def read(tx: Transaction, codes: Iterable[str], day: date, reference: Reference) -> Lists:
    """Look these codes up, and whatever their normal form rests on."""
    wanted = {one for code in codes for one in reference.codes.candidates(code)}
    found: dict[str, Sequence[Organisation]] = {}
    while missing := wanted - found.keys():
        found |= listed(tx, missing)
        wanted |= {
            row.legal_entity for code in missing for row in found[code] if row.kind in OF_ANOTHER
        }
    return Lists(Codes(day, found, reference.codes), found)


def listed(tx: Transaction, wanted: Collection[str]) -> Mapping[str, Sequence[Organisation]]:
    """Return what the lists say of several codes, each as it would be found by itself."""
    found = grouped(tx.organisations.among("ods", wanted), lambda one: one.ods)
    return {code: found.get(code, ()) for code in wanted}


def own(tx: Transaction, code: str, day: date, reference: Reference) -> str:
    """Return the code that stands for itself: of a long form or a site, whose it is."""
    return read(tx, [code], day, reference).codes.own(code)


def spellings(tx: Transaction, code: str, day: date, reference: Reference) -> frozenset[str]:
    """Return under which codes documents may name whose the code is: its own, and the longer."""
    short = own(tx, code, day, reference)
    long = reference.codes.lengthened.of(short)
    is_its_own = long is not None and own(tx, long, day, reference) == short
    return frozenset({short, long}) if long is not None and is_its_own else frozenset({short})


def normal(tx: Transaction, code: str, day: date, reference: Reference) -> str:
    """Return the entity that a code counts for on a day."""
    return read(tx, [code], day, reference).codes.normal(code)
