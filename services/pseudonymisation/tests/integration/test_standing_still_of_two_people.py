"""Rows that name a mother and her baby: whom a file never had hides nobody (docs/adr/0171, R13).

Guard: `standing_still.Side`, which looked at whether the mother alone was left out.
"""

from datetime import timedelta

import pytest

from common.security import jws
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_two_people import (
    BABIES,
    MONTH,
    MOTHERS,
    MSDS,
    land,
    tables,
)

__all__ = ["dissemination"]

ELSEWHERE, NEW = "9990000069", "9990000077"


@pytest.fixture
def clock(clock):
    """A day on which the month of the births is over."""
    clock.advance(timedelta(days=700))
    return clock


def corrected(*, mother, baby=""):
    """Another woman in place of the second mother, whose baby has that number, or none yet."""
    sent = tables()
    for rows in sent.values():
        for row in rows:
            for name, value in row.items():
                row[name] = mother if value == MOTHERS["M2"] else value
    sent["MSD401"][2]["NHSNumberBaby"] = baby
    sent["MSD401"][0]["GestationLengthBirth"] = "272"
    return sent


def births(dissemination):
    name = "Babies.PregOutcome"
    done = dissemination.prepare(
        MSDS,
        {name: MSDS.releasable(name).treatments[0].value},
        periods=[MONTH],
        codes=["02P"],
        reasons="GHC",
        formats=("parquet",),
        upholds=True,
    )
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    return jws.unverified(done.files[0].attestation)


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(
    ("before", "after", "tells"),
    [
        # Both babies without a number are in neither file: their mothers neither came nor left.
        ("", "", True),
        # With numbers one birth left by the records, and one came: behind them the twin may hide.
        pytest.param("9990000050", "9990000085", False, marks=pytest.mark.long),
    ],
)
def test_a_mother_whose_baby_nobody_could_ask_hides_nobody(
    intake, clock, dissemination, before, after, tells
):
    today = clock.now().date().isoformat()
    land(intake, corrected(mother=MOTHERS["M2"], baby=before))
    assert take(intake, body([ELSEWHERE]), list_date=today).status_code == 201
    [edition] = births(dissemination)["editions"]
    assert take(intake, body([ELSEWHERE, BABIES["B1"]]), list_date=today).is_success
    again = corrected(mother=NEW, baby=after)
    again["MSD401"][0]["GestationLengthBirth"] = "273"
    land(intake, again)

    beside = [one["edition"] for one in births(dissemination).get("standing_beside", [])]

    assert beside == ([edition["id"]] if tells else [])
