"""What one column of a line caps, no other tells: the rule on real rows of the engine."""

from datetime import date

import duckdb
import pytest

import catalogue
from catalogue import Cap, Treatment, caps
from pseudonymisation.preparations.adapters.caps import capped_columns
from services.pseudonymisation.tests import oracle

SUS = catalogue.load().get("SUS_APC")
AS_IS, DERIVED = Treatment.AS_IS, Treatment.DERIVED
WITH_MONTH = SUS.model_copy(
    update={
        "derived": (
            *SUS.derived,
            *(
                SUS.derived[3].model_copy(update={"name": f"Birth_{form}", "derivation": form})
                for form in ("month", "month_of_year", "financial_year")
            ),
        )
    }
)


def told(columns, births, activity=date(2018, 6, 1), data_set=WITH_MONTH, starts=None):
    """What leaves of each person, in these columns."""
    forms = capped_columns(caps(), data_set, columns)
    landed = {
        "CDS_Activity_Date": activity,
        "Episode_Start_Date": starts or activity,
        "Der_Postcode_LSOA_2011_Code": "E01000001",
        "Der_PostCode_Sector": "S70 4",
    }
    found = []
    for birth in births:
        for derived in data_set.derived:
            if derived.source == "Date_of_Birth":
                event = landed[derived.at].isoformat() if derived.at else None
                form = str(derived.derivation)
                landed[derived.name] = oracle.derived(form, birth, event, None)
        with duckdb.connect() as engine:
            row = ", ".join(f'? AS "{name}"' for name in landed)
            out = ", ".join(f"{forms.get(name, chr(34) + name + chr(34))}" for name in columns)
            query = f"SELECT {out} FROM (SELECT {row}) AS s"
            found.append(engine.execute(query, list(landed.values())).fetchone())
    return found


def test_a_year_of_birth_alone_does_not_tell_an_age_over_89():
    found = told({"Year_of_Birth_SUS": DERIVED}, ["1928-03-01", "1920-01-01", "1899-12-31"])

    assert {value for (value,) in found} == {1928}


def test_a_year_of_birth_of_the_younger_is_told():
    births = ["1928-06-02", "1929-01-01", "2018-05-01"]
    found = told({"Year_of_Birth_SUS": DERIVED, "Age_at_CDS_Activity_Date": DERIVED}, births)

    assert found == [(1928, 89), (1929, 89), (2018, 0)]


@pytest.mark.parametrize("form", ["month", "month_of_year", "financial_year"])
def test_finer_parts_of_a_birth_date_are_withheld_of_the_oldest_alone(form):
    births = ["1920-01-01", "1928-06-01", "1928-06-02"]
    found = told({f"Birth_{form}": DERIVED, "Year_of_Birth_SUS": DERIVED}, births)

    assert [value is None for value, _ in found] == [True, True, False]


AGES = {"Age_at_Start_of_Episode_SUS": DERIVED, "Age_at_CDS_Activity_Date": DERIVED}


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ("1928-05-15", (90, 90)),  # 89 at the start and 90 at the end of one stay
        ("1928-04-15", (90, 90)),
        ("1920-01-01", (90, 90)),
        ("1928-07-01", (89, 89)),
        (None, (None, None)),
    ],
)
def test_of_several_ages_none_tells_who_has_just_become_90(birth, expected):
    assert told(AGES, [birth], starts=date(2018, 5, 1)) == [expected]
    bands = {"Der_Age_Band": DERIVED, "Age_at_CDS_Activity_Date": DERIVED}
    (band, age), *_ = told(bands, [birth], starts=date(2018, 5, 1))
    assert (band, age) == ({90: "90+", 89: "85-89", None: None}[expected[0]], expected[1])


def test_one_age_alone_is_told_as_it_was():
    assert told(
        {"Age_at_Start_of_Episode_SUS": DERIVED}, ["1928-05-15"], starts=date(2018, 5, 1)
    ) == [(89,)]


def test_a_length_of_stay_beside_one_exact_date_of_two_is_withheld():
    stay = {"Admission_Date": Treatment.MONTH, "Discharge_Date": AS_IS, "Der_Spell_LoS": AS_IS}

    assert caps().on_line(SUS, stay) == {"Der_Spell_LoS": Cap.WITHHELD}
    assert caps().on_line(SUS, stay | {"Admission_Date": AS_IS}) == {}


def test_a_missing_birth_date_stays_missing():
    assert told({"Year_of_Birth_SUS": DERIVED}, [None]) == [(None,)]


def test_of_two_small_areas_and_of_two_forms_of_a_date_the_finer_is_withheld():
    both = {"Der_PostCode_Sector": DERIVED, "Der_Postcode_LSOA_2011_Code": DERIVED}
    dates = {"CDS_Activity_Date": AS_IS, "Der_Activity_Month": DERIVED, "Admission_Date": AS_IS}

    assert told(both, ["1980-01-01"]) == [("S70 4", None)]
    assert caps().on_line(SUS, both) == {"Der_Postcode_LSOA_2011_Code": Cap.WITHHELD}
    assert caps().on_line(SUS, dates) == {"CDS_Activity_Date": Cap.WITHHELD}


@pytest.mark.parametrize(
    "columns",
    [
        {"Der_Postcode_LSOA_2011_Code": DERIVED},
        {"Der_PostCode_Sector": DERIVED},
        {"CDS_Activity_Date": AS_IS},
        {"CDS_Activity_Date": Treatment.MONTH, "Der_Activity_Month": DERIVED},
        {"Admission_Date": AS_IS, "Der_Activity_Month": DERIVED},
    ],
)
def test_one_of_them_alone_is_told(columns):
    assert caps().on_line(SUS, columns) == {}


def test_the_rule_has_its_date_and_its_sources():
    assert caps().rule == "caps/4"
    assert caps().sources
    assert caps().valid_from <= date(2026, 11, 27)
