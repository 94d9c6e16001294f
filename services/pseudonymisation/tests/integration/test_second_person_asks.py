""" "Was I in it?", asked by the second person of a row: a baby beside its mother (MSDS)."""

import pytest

from dsfc_testing.clock import FakeClock
from pseudonymisation.people.domain.subject_access import Release
from services.pseudonymisation.tests.api.test_subject_access import Governance
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_two_people import (
    BABIES,
    BABY,
    MOTHERS,
    MSDS,
    asked,
    clock,
    digest_of,
    land,
)

__all__ = ["clock", "dissemination"]

BORN, BORN_LATER = BABIES["B1"], "9990000069"


def release(governance, dissemination, clock: FakeClock, name, *columns, linked=(), formats):
    said = {
        "controllers": ["02P"],
        "agreement": "DARS-NIC-123456-A1B2C",
        "purpose": "COM",
        "environment": "e1",
        "opt_out": "not_applied",
        "data_sets": sorted(["MSDS", *linked]),
    }
    made = dissemination.prepare(
        MSDS,
        asked(*columns),
        periods=["2019-04"],
        codes=["02P"],
        reasons="GHC",
        formats=formats,
        domain={"id": digest_of(said), **said},
    )
    assert made.files, made.code
    governance.released[name] = made.permit.extract_id
    governance.intake.releases.held += [
        Release(file_id=file.id, holder="0DF", released_at=clock.now()) for file in made.files
    ]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_baby_is_found_by_its_own_token_and_nobody_who_is_not_there(
    intake, dissemination, clock, form
) -> None:
    """Its token is of another kind, in a column of its own; linked it is one as any person's."""
    land(intake)
    governance = Governance(intake)
    column = f"Babies.{BABY}"
    release(governance, dissemination, clock, "apart", column, formats=(form,))
    release(governance, dissemination, clock, "linked", column, linked=["SUS_APC"], formats=(form,))
    release(governance, dissemination, clock, "mothers alone", formats=(form,))

    assert governance.found(BORN) == {"apart": "in_it", "linked": "in_it"}
    assert set(governance.found(MOTHERS["M1"])) == {"apart", "linked", "mothers alone"}
    assert governance.found(BORN_LATER) == {}
