"""Every judged value is of exactly one kind, whatever landing found."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import catalogue
from pseudonymisation.intake.domain.measures import EditionMeasures, FieldMeasure, measured
from pseudonymisation.intake.domain.quality import LandingOutcome, report

CATALOGUE = catalogue.load()
SUS = CATALOGUE.get("SUS_APC")
RULES, AS_READ = CATALOGUE.intake_of(SUS, date(2026, 11, 26))
COLUMNS = [field.name for field in SUS.fields]


def measures(**changes: Any) -> EditionMeasures:
    given = {"columns": COLUMNS, "records": 100, "landed": 100, "quarantined": 0} | changes
    told = report(LandingOutcome(**given), data_set=SUS)
    return measured(told, data_set=AS_READ, rules=RULES)


def of(name: str, **changes: Any) -> FieldMeasure:
    [found] = [field for field in measures(**changes).fields if field.field == name]
    return found


def test_a_value_that_is_not_there_is_missing():
    found = of("Ethnic_Group", missing={"Ethnic_Group": 7})

    assert (found.judged, found.valid, found.missing) == (100, 93, 7)


def test_a_number_that_is_not_there_is_missing_although_it_is_never_written():
    found = of("NHS_Number", without_number=4)

    assert (found.valid, found.missing) == (96, 4)


def test_a_placeholder_is_a_default_and_not_missing():
    found = of(
        "Ethnic_Group",
        missing={"Ethnic_Group": 7},
        findings={("Ethnic_Group", "VALUE_VOID"): 5},
    )

    assert (found.missing, found.default, found.valid) == (2, 5, 93)


def test_default_codes_and_default_postcodes_are_kept_and_are_not_valid():
    code = of("Commissioner_Code", default_codes={("Commissioner_Code", "private"): 3})
    postcode = of("Postcode", default_postcodes=6)

    assert (code.default, code.valid) == (3, 97)
    assert (postcode.default, postcode.valid) == (6, 94)


def test_a_value_that_was_taken_as_none_is_invalid_and_not_missing():
    emptied = next(r for r in RULES.validity if r.effect is catalogue.Effect.EMPTY)
    found = of(
        emptied.column,
        missing={emptied.column: 9},
        findings={(emptied.column, emptied.code): 9},
    )

    assert (found.missing, found.invalid, found.valid) == (0, 9, 91)


def test_a_value_that_was_only_counted_is_invalid_and_stays():
    warned = next(r for r in RULES.validity if r.effect is catalogue.Effect.WARN)
    found = of(warned.column, findings={(warned.column, warned.code): 2})

    assert (found.missing, found.invalid, found.valid) == (0, 2, 98)


def test_a_record_that_was_set_aside_counts_for_the_columns_that_were_the_reason_only():
    changes = {
        "landed": 90,
        "quarantined": 10,
        "reasons": {("Sex", "CODE_UNKNOWN"): 6, ("Sex", "TOO_LONG"): 6, ("", "NOT_READABLE"): 4},
        "set_aside": {"Sex": 6},
    }

    sex, other = of("Sex", **changes), of("Ethnic_Group", **changes)

    assert (sex.judged, sex.invalid, sex.valid) == (96, 6, 90)
    assert (other.judged, other.invalid, other.valid) == (90, 0, 90)


def test_a_mandatory_value_without_which_a_record_was_set_aside_is_missing():
    found = of(
        "Provider_Code",
        landed=95,
        quarantined=5,
        reasons={("Provider_Code", "VALUE_MISSING"): 5},
        set_aside={"Provider_Code": 5},
    )

    assert (found.judged, found.missing, found.invalid) == (100, 5, 0)


def test_what_is_rightly_withheld_is_neither_missing_nor_expected():
    changes = {"withheld": 8, "missing": {"Local_Patient_ID": 10}, "without_number": 10}

    number, local = of("NHS_Number", **changes), of("Local_Patient_ID", **changes)

    assert (number.withheld, number.missing, number.expected) == (8, 2, 92)
    assert (local.withheld, local.missing, local.expected) == (8, 2, 92)
    assert of("Sex", **changes).withheld == 0


def test_a_column_that_was_not_sent_is_missing_wholly_and_says_so():
    found = of("Ethnic_Group", columns=[name for name in COLUMNS if name != "Ethnic_Group"])

    assert (found.is_submitted, found.missing, found.valid) == (False, 100, 0)


def test_duplicates_are_said_of_the_fields_of_the_key_only():
    assert RULES.record is not None
    [key, *_] = RULES.record.key

    assert of(key, repeated=3).duplicate == 3
    assert of("Sex", repeated=3).duplicate is None
    assert measures(repeated=3).repeated == 3


def test_an_edition_without_a_record_measures_nothing_and_divides_by_nothing():
    found = measures(records=0, landed=0)

    assert {field.judged for field in found.fields} == {0}


counts = st.integers(min_value=0, max_value=200)


@given(
    landed=counts,
    quarantined=counts,
    missing=counts,
    withheld=counts,
    void=counts,
    warned=counts,
    emptied=counts,
    bad=counts,
    default=counts,
)
def test_the_kinds_add_up_to_what_was_judged_and_none_is_negative(
    landed, quarantined, missing, withheld, void, warned, emptied, bad, default
):
    """Also where a value was found twice, and reports of earlier releases say less."""
    for rule in RULES.validity[:3]:
        name = rule.column
        for field in measures(
            records=landed + quarantined,
            landed=landed,
            quarantined=quarantined,
            withheld=withheld,
            missing={name: min(missing, landed)},
            findings={(name, "VALUE_VOID"): void, (name, rule.code): emptied + warned},
            reasons={(name, "DATE_INVALID"): bad, (name, "VALUE_MISSING"): bad},
            default_codes={(name, "private"): default},
        ).fields:
            kinds = (field.valid, field.missing, field.invalid, field.default, field.withheld)
            assert min(kinds) >= 0
            assert sum(kinds) == field.judged


def test_a_report_of_an_earlier_release_is_measured_without_its_later_members():
    told = report(
        LandingOutcome(
            columns=COLUMNS,
            records=10,
            landed=8,
            quarantined=2,
            reasons={("Sex", "CODE_UNKNOWN"): 2},
        ),
        data_set=SUS,
    )
    for column in told["columns"]:  # type: ignore[union-attr]
        del column["set_aside"]  # type: ignore[union-attr, arg-type]

    [sex] = [f for f in measured(told, data_set=SUS, rules=None).fields if f.field == "Sex"]

    assert (sex.judged, sex.invalid) == (10, 2)


def test_the_rules_of_every_data_set_can_be_measured_by():
    for name in sorted({described.data_set for described in CATALOGUE}):
        data_set = CATALOGUE.get(name)
        rules, as_read = CATALOGUE.intake_of(data_set, date(2026, 11, 26))
        told = report(
            LandingOutcome(columns=(), records=1, landed=1, quarantined=0), data_set=data_set
        )
        assert len(measured(told, data_set=as_read, rules=rules).fields) == len(data_set.fields)
