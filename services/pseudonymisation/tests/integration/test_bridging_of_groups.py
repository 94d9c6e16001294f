"""A bridging file of a data set of several tables, and of rows that name two people.

Who is in any group of the line has a pair. A baby, who is the second person of a row, has none: its
token there is of a kind of its own (docs/adr/0109, docs/adr/0195).
"""

from datetime import timedelta

import duckdb
import pytest

import catalogue
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_bridging_files import OTHER, bridge_to
from services.pseudonymisation.tests.integration.test_linked_data_sets import stay
from services.pseudonymisation.tests.integration.test_several_tables import CSDS, read, submit
from services.pseudonymisation.tests.integration.test_two_people import BABIES, MOTHERS, MSDS, land
from services.pseudonymisation.tests.several_tables import PERSONS, contact, person, referral
from services.pseudonymisation.tests.submitting import written

__all__ = ["dissemination"]

STAYS = catalogue.load().get("SUS_APC")
SEEN, BORN = "2018-04", "2019-04"
FIRST, SECOND = PERSONS["P1"][0], PERSONS["P2"][0]
ELSEWHERE = "9990000069"
SEXES = "129"


def stayed(intake, month, *numbers):
    """Land stays of these people, each of a sex that tells in the test who it is."""
    rows = [
        {
            name: value.replace("2018-04", month)
            for name, value in (stay(number, f"L{at}", at) | {"Sex": SEXES[at]}).items()
        }
        for at, number in enumerate(numbers)
    ]
    sent = intake.submit(written(rows), period=month)
    assert sent["state"] == "accepted", sent


def prepared(dissemination, data_set, fields, month, *, upholds=False, **more):
    done = dissemination.prepare(
        data_set,
        fields,
        periods=[month],
        codes=["02P"],
        reasons="GHRC" if data_set is STAYS else "GHC",
        formats=("parquet",),
        upholds=upholds,
        **more,
    )
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    return done


def paired(dissemination, data_set, month, *, upholds=False):
    """The tokens of each pair."""
    bridge = bridge_to(STAYS, upholds=upholds)
    done = prepared(dissemination, data_set, {}, month, upholds=upholds, bridge=bridge)
    (file,) = done.files
    return duckdb.sql(f"FROM '{dissemination.path(file)}'").fetchall()


def by_sex(dissemination, month, *, upholds=False):
    """Who is who in the other agreement's file of stays."""
    done = prepared(dissemination, STAYS, {"Sex": "as_is"}, month, upholds=upholds, agreement=OTHER)
    path = dissemination.path(done.files[0])
    return dict(duckdb.sql(f"SELECT DISTINCT Token, Sex FROM '{path}'").fetchall())


def form(data_set, name):
    return {name: data_set.releasable(name).treatments[0].value}


def referred(intake):
    """Both are referred to the commissioner; one alone is seen, and one has no number."""
    sent = {
        "CYP001": [person(local) for local in ("P1", "P2", "P3")],
        "CYP101": [referral(local, f"R{local}") for local in ("P1", "P2", "P3")],
        "CYP201": [contact("C1", "RP1")],
    }
    assert submit(intake, sent)["state"] == "accepted"


def test_who_is_in_a_group_is_paired_by_the_token_of_every_group(intake, dissemination):
    referred(intake)
    stayed(intake, SEEN, ELSEWHERE, FIRST, SECOND)

    pairs = paired(dissemination, CSDS, SEEN)

    sexes = by_sex(dissemination, SEEN)
    assert sorted(sexes[other] for _, other in pairs) == [SEXES[1], SEXES[2]]
    age = form(CSDS, "Referrals.AgeBand_RP_StartDate")
    (group,) = read(dissemination, prepared(dissemination, CSDS, age, SEEN)).values()
    ages = {one["Token"]: one["AgeBand_RP_StartDate"] for one in group}
    assert len(ages) == 3
    told = {sexes[other]: ages[own] for own, other in pairs}
    assert told[SEXES[1]] < told[SEXES[2]], "born in 2012, and in 1950"


@pytest.mark.long
@pytest.mark.scenario("R13")
def test_who_objected_is_paired_in_no_group(intake, dissemination):
    referred(intake)
    stayed(intake, SEEN, ELSEWHERE, FIRST, SECOND)
    assert take(intake, body([FIRST])).status_code == 201

    pairs = paired(dissemination, CSDS, SEEN, upholds=True)

    sexes = by_sex(dissemination, SEEN, upholds=True)
    assert [sexes[other] for _, other in pairs] == [SEXES[2]]


@pytest.fixture
def later(clock):
    """A day on which the month of the births is over."""
    clock.advance(timedelta(days=700))
    return clock


@pytest.mark.parametrize(
    "objects",
    [
        BABIES["B1"],
        pytest.param(None, marks=pytest.mark.long),
        pytest.param(MOTHERS["M1"], marks=pytest.mark.long),
    ],
)
def test_a_mother_is_paired_and_a_baby_is_not(intake, later, dissemination, objects):
    """Where a baby objects its own row is left out, and its mother is in other rows."""
    land(intake)
    stayed(intake, BORN, MOTHERS["M1"], BABIES["B1"], MOTHERS["M2"])
    if objects is not None:
        today = later.now().date().isoformat()
        assert take(intake, body([objects]), list_date=today).status_code == 201

    pairs = paired(dissemination, MSDS, BORN, upholds=objects is not None)

    sexes = by_sex(dissemination, BORN, upholds=objects is not None)
    mothers = {SEXES[0], SEXES[2]} - ({SEXES[0]} if objects == MOTHERS["M1"] else set())
    assert {sexes[other] for _, other in pairs} == mothers
    name = form(MSDS, "Mothers.EthnicCategoryMother")
    done = prepared(dissemination, MSDS, name, BORN, upholds=objects is not None)
    (group,) = read(dissemination, done).values()
    assert {own for own, _ in pairs} == {one["Token"] for one in group}
