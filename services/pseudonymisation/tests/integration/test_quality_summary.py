"""The short form of data quality of what an extract was made of."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from common.audit import LoggedRows
from common.clock import legal_day
from dsfc_testing.codes import ListedCodes
from pseudonymisation.db.editions import SqlEditions
from pseudonymisation.db.held.kept import KEPT
from pseudonymisation.db.quality.measures import SqlMeasures
from pseudonymisation.db.quality.records import quality_unit_of_work
from pseudonymisation.intake.domain.measures import EditionMeasures, FieldMeasure
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.preparations.domain.errors import PreparationNotFound
from pseudonymisation.quality.adapters import rules
from pseudonymisation.quality.use_cases import summaries
from pseudonymisation.quality.use_cases.context import QualityContext
from services.pseudonymisation.tests.haven import CATALOGUE, World, world
from services.pseudonymisation.tests.landed import day
from services.pseudonymisation.tests.submitting import FakePublications, FakeRights

RECORDS = [
    {
        "NHS_Number": "9990000018",
        "Local_Patient_ID": f"L{i}",
        "Sex": "1",
        "Admission_Date": day("2018-04-03"),
        "Hospital_Spell_No": f"S{i}",
        "period": "2018-04",
        "reasons": {"G": "02P"},
    }
    for i in range(5)
]


def measure(name: str, *, missing: int) -> FieldMeasure:
    return FieldMeasure(
        field=name,
        is_submitted=True,
        judged=100,
        valid=100 - missing,
        missing=missing,
        invalid=0,
        default=0,
        withheld=0,
        duplicate=None,
    )


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock) -> World:
    made = world(tmp_path / "haven", make_engine(sqlite_url), clock)
    edition_id = made.land(RECORDS)
    names = ("Sex", "Admission_Date", "Hospital_Spell_No", "Ethnic_Group")
    measures = EditionMeasures(
        records=100,
        landed=100,
        set_aside=0,
        repeated=0,
        withheld=0,
        fields=tuple(measure(name, missing=20 if name == "Sex" else 3) for name in names),
    )
    with Session(made.engine) as session:
        edition = SqlEditions(session, LoggedRows("pseudonymisation", KEPT)).get(
            edition_id, Scope(None)
        )
        SqlMeasures(session).add(edition, measures, at=clock.now())
        session.commit()
    return made


def context(haven: World, client_id: str = "dissemination") -> QualityContext:
    ctx = QualityContext(
        uow=quality_unit_of_work(haven.engine),
        clock=haven.clock,
        catalogue=CATALOGUE,
        publications=FakePublications(),
        rights=FakeRights(),
        codes=ListedCodes({}),
        small_numbers=rules.small_numbers(),
        due_rules=rules.due_rules(),
        shrink_rule=rules.shrink_rule,
    )
    return ctx.on_behalf_of(haven.principal(client_id))


def test_an_extract_is_told_how_good_its_own_fields_are_without_a_small_number(haven):
    prepared = haven.prepare()

    summary = summaries.of_preparation(prepared.id, ctx=context(haven))

    assert (summary.data_set, summary.rule, summary.note) == ("SUS_APC", "HES", None)
    [edition] = summary.editions
    assert (edition.provider, edition.records) == ("RH8", "100")
    assert edition.landed_on == legal_day(haven.clock.now())
    shown = {one.field: one.completeness for one in edition.fields}
    assert shown == {"Sex": "80", "Admission_Date": "*", "Hospital_Spell_No": "*"}


def test_it_is_the_same_however_often_and_whenever_it_is_asked_for(haven):
    prepared = haven.prepare()
    first = summaries.of_preparation(prepared.id, ctx=context(haven))

    haven.clock.advance(timedelta(days=400))
    haven.land(RECORDS)

    assert summaries.of_preparation(prepared.id, ctx=context(haven)) == first


def test_without_the_parameters_of_its_rule_nothing_is_stated_and_it_says_why(haven):
    prepared = haven.prepare(disclosure_rule="GPW")

    summary = summaries.of_preparation(prepared.id, ctx=context(haven))

    assert (summary.rule, list(summary.editions)) == ("GPW", [])
    assert summary.note


def test_another_client_is_told_that_there_is_none(haven):
    prepared = haven.prepare()

    with pytest.raises(PreparationNotFound):
        summaries.of_preparation(prepared.id, ctx=context(haven, "another"))


@pytest.mark.parametrize(
    ("column", "measured"),
    [
        ("Care_Activities.CodedProcedure", {"CYP202.CodedProcedure"}),
        ("Care_Activities.Contact_Hour", {"CYP201.Contact_Time"}),
        ("Referrals.AgeBand_RP_StartDate", {"CYP001.DateOfBirth"}),
        ("Diagnoses.Diagnosis_Scheme", {f"CYP{n}.Diagnosis_Scheme" for n in (606, 607, 608)}),
    ],
)
def test_a_column_of_a_group_is_told_by_the_tables_that_it_comes_from(
    tmp_path, make_engine, sqlite_url, clock, column, measured
):
    """Landing measures what is sent, under the names of its tables."""
    csds = CATALOGUE.get("CSDS")
    haven = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=csds)
    edition_id = haven.land([{"period": "2018-04", "reasons": {}}])
    names = sorted(field.name for field in csds.as_sent.fields)
    measures = EditionMeasures(
        records=100,
        landed=100,
        set_aside=0,
        repeated=0,
        withheld=0,
        fields=tuple(measure(name, missing=20) for name in names),
    )
    with Session(haven.engine) as session:
        edition = SqlEditions(session, LoggedRows("pseudonymisation", KEPT)).get(
            edition_id, Scope(None)
        )
        SqlMeasures(session).add(edition, measures, at=clock.now())
        session.commit()
    form = csds.releasable(column).treatments[0].value
    accepted = haven.accept(
        request=haven.request(fields=[column]),
        fields=[{"name": column, "treatment": form}],
    )

    summary = summaries.of_preparation(accepted.id, ctx=context(haven))

    [told] = summary.editions
    assert {one.field for one in told.fields} == measured
