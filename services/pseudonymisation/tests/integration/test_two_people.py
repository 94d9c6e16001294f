"""A row that names two people, a mother and her baby: sent, closed, landed, prepared (MSDS)."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

import catalogue
from common.ids import digest_of
from dsfc_testing.clock import FakeClock
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_several_tables import begin, close, read

__all__ = ["dissemination"]

MSDS = catalogue.load().get("MSDS")
MONTH = "2019-04"
MOTHERS = {"M1": "9990000018", "M2": "9990000026"}
BABIES = {"B1": "9990000034", "B2": "9990000042", "B3": ""}
"""Twins of the first mother; the one of the second has no number yet."""
Row = dict[str, str]
BABY = "NHSNumberBaby"


@pytest.fixture
def clock(clock: FakeClock) -> FakeClock:
    """A day on which the month of the births is over."""
    clock.advance(timedelta(days=700))
    return clock


def row(**said: str) -> Row:
    return {"ReportingPeriodStartDate": "2019-04-01"} | said


def tables() -> dict[str, list[Row]]:
    return {
        "MSD001": [
            row(
                LPIDMother=local,
                NHSNumberMother=number,
                PersonBirthDateMother="1990-02-11",
                Postcode="S70 1AA",
                EthnicCategoryMother="A",
                PersonDeathDateMother="",
            )
            for local, number in MOTHERS.items()
        ],
        "MSD101": [
            row(
                LPIDMother=local,
                UniqPregID=f"RR8P{local}",
                OrgIDComm="02P",
                LeadAnteProvider="RR8",
                AntenatalAppDate="2018-11-02",
                EDDAgreed="2019-04-20",
                LastMenstrualPeriodDate="2018-07-14",
                GestAgeBooking="70",
                SmokingStatusBooking="01",
                PersonBMIBand="18.5-24.9",
                AlcoholUnitsPerWeekBand="0",
                ComplexSocialFactorsInd="N",
            )
            for local in MOTHERS
        ],
        "MSD301": [
            row(
                UniqPregID=f"RR8P{local}",
                LabourDeliveryID=f"L{local}",
                LabourOnsetMethod="1",
                SettingIntraCare="01",
                CaesareanDate="",
                BirthsPerLabandDel=births,
                RobsonGroup="8" if births == "2" else "1",
            )
            for local, births in zip(MOTHERS, "21", strict=True)
        ],
        "MSD401": [
            row(
                LabourDeliveryID=f"L{'M2' if local == 'B3' else 'M1'}",
                LPIDBaby=local,
                NHSNumberBaby=number,
                PersonBirthDateBaby="2019-04-17",
                PersonDeathDateBaby="",
                PregOutcome="01",
                GestationLengthBirth="271",
                DeliveryMethodCode="0",
            )
            for local, number in BABIES.items()
        ],
    }


def land(intake: Any, sent: dict[str, list[Row]] | None = None) -> None:
    submission_id = begin(intake, sent or tables(), data_set="MSDS", period=MONTH)
    assert close(intake, submission_id).status_code == 202
    intake.work()
    stands = intake.get(f"/v1/submissions/{submission_id}").json()
    assert stands["state"] == "accepted", stands


def asked(*more: str) -> dict[str, str]:
    names = ["Mothers.EthnicCategoryMother", "Bookings.UniqPregID", "Babies.UniqPregID", *more]
    return {name: MSDS.releasable(name).treatments[0].value for name in names}


def prepare(dissemination: Any, *, linked: Sequence[str] = (), upholds: bool = False) -> Any:
    said = {}
    if linked:
        domain = {
            "controllers": ["02P"],
            "agreement": "DARS-NIC-123456-A1B2C",
            "purpose": "COM",
            "environment": "e1",
            "opt_out": "applied" if upholds else "not_applied",
            "data_sets": sorted(["MSDS", *linked]),
        }
        said["domain"] = {"id": digest_of(domain), **domain}
    return dissemination.prepare(
        MSDS,
        asked(f"Babies.{BABY}", "Babies.PregOutcome"),
        periods=[MONTH],
        codes=["02P"],
        reasons="GHC",
        formats=("parquet",),
        upholds=upholds,
        **said,
    )


def found(dissemination: Any, **how: Any) -> dict[str, list[dict[str, Any]]]:
    done = prepare(dissemination, **how)
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    files: dict[str, list[dict[str, Any]]] = read(dissemination, done)
    return files


def test_a_birth_has_the_token_of_the_mother_and_that_of_the_baby(intake, dissemination) -> None:
    land(intake)

    files = found(dissemination)

    births, bookings = files["Babies"], files["Bookings"]
    assert {one["Token"] for one in births} == {one["Token"] for one in bookings}
    assert Counter(one["Token"] for one in births).most_common()[0][1] == 2
    assert sorted(one[BABY][0] for one in births) == ["B", "B", "C"]
    assert len({one[BABY] for one in births}) == 3
    assert not {one[BABY][1:] for one in births} & {one["Token"][1:] for one in births}
    told = str(files)
    assert not any(number in told for number in [*MOTHERS.values(), *BABIES.values()] if number)
    again = found(dissemination)["Babies"]
    assert {one[BABY] for one in again} == {one[BABY] for one in births}


def test_a_baby_that_is_a_mother_elsewhere_is_known_as_her_where_data_sets_are_linked(
    intake, dissemination
) -> None:
    """The same number as a first and as a second person: apart, or equal, by the linkage."""
    sent = tables()
    sent["MSD401"][0]["NHSNumberBaby"] = MOTHERS["M2"]
    land(intake, sent)

    apart, linked = found(dissemination), found(dissemination, linked=["SUS_APC"])

    assert not {one[BABY] for one in apart["Babies"]} & {one["Token"] for one in apart["Mothers"]}
    both = {one[BABY] for one in linked["Babies"]} & {one["Token"] for one in linked["Mothers"]}
    assert len(both) == 1
    assert sorted(one[BABY][0] for one in linked["Babies"]) == ["L", "P", "P"]


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(
    ("objects", "left"),
    [
        (BABIES["B1"], {"Mothers": 2, "Bookings": 2, "Babies": 1}),
        (MOTHERS["M1"], {"Mothers": 1, "Bookings": 1, "Babies": 0}),
    ],
)
def test_whoever_of_the_two_objects_the_row_stays_away(
    intake, dissemination, clock, objects: str, left: dict[str, int]
) -> None:
    """Guard: `has_its_other`. Of the baby who has no number nobody could ask."""
    land(intake)
    today = clock.now().date().isoformat()
    assert take(intake, body([objects]), list_date=today).status_code == 201

    files = found(dissemination, upholds=True)

    assert {group: len(rows) for group, rows in files.items()} == left


def test_a_row_without_its_baby_is_set_aside_and_one_with_another_mothers_labour_is_hers(
    intake, dissemination
) -> None:
    sent = tables()
    sent["MSD401"][2]["LabourDeliveryID"] = "LM9"
    land(intake, sent)

    births = found(dissemination)["Babies"]

    assert len(births) == 2
    assert {one[BABY][0] for one in births} == {"B"}
