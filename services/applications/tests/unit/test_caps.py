"""Columns that together tell what each of them hides are named before anybody signs."""

import pytest

from applications.domain import checks
from applications.domain.sections.forms import Kind
from services.applications.tests.answers import CCG, case, complete, line

FIELDS = "/sections/7/lines/0/fields"


def asking(*fields, **changes):
    """The complete answers, with a line that asks for these fields."""
    raw = complete()
    raw[7]["lines"][0]["fields"] = listed(*fields)
    raw[7]["lines"][0] |= changes
    return raw


def listed(*fields):
    return [{"name": n, "treatment": t, "reason": "Need differs."} for n, t in fields]


def of_caps(raw, **changes):
    found = checks.examine(case(raw, **changes))
    return [f for f in found if f.code in {"CAP_UNDONE", "COLUMN_WITHHELD", "OLDEST_CAPPED"}]


SECTOR, LSOA = ("Der_PostCode_Sector", "derived"), ("Der_Postcode_LSOA_2011_Code", "derived")
AGE, YEAR = ("Age_at_CDS_Activity_Date", "derived"), ("Year_of_Birth_SUS", "derived")
EARLIER_AGE, BAND = ("Age_at_Start_of_Episode_SUS", "derived"), ("Der_Age_Band", "derived")
MONTH = ("Der_Activity_Month", "derived")


def day(name, treatment="as_is"):
    return (name, treatment)


@pytest.mark.parametrize(
    ("fields", "undone", "because_of"),
    [
        ([SECTOR, LSOA], 1, SECTOR[0]),
        ([LSOA, SECTOR], 0, SECTOR[0]),
        ([("Der_PostCode_District", "derived"), LSOA], 1, "Der_PostCode_District"),
        ([MONTH, day("CDS_Activity_Date")], 1, MONTH[0]),
        ([MONTH, day("CDS_Activity_Date", "year")], 0, "CDS_Activity_Date"),
        (
            [day("Admission_Date", "month"), day("Discharge_Date"), ("Der_Spell_LoS", "as_is")],
            2,
            "Discharge_Date, Admission_Date",
        ),
        (
            [day("Admission_Date"), day("Discharge_Date", "year"), ("Der_Spell_LoS", "as_is")],
            2,
            "Admission_Date, Discharge_Date",
        ),
    ],
)
def test_a_column_of_which_nobody_would_be_told_anything_is_not_asked_for(
    fields, undone, because_of
):
    (found,) = of_caps(asking(*fields))

    assert (found.code, found.refuses) == ("CAP_UNDONE", True)
    assert found.pointer == f"{FIELDS}/{undone}"
    assert found.detail.startswith(f"{fields[undone][0]} in line 1 tells more")
    assert found.offer == f"Leave out {fields[undone][0]}, or {because_of}."


@pytest.mark.parametrize(
    "fields",
    [
        [SECTOR],
        [LSOA],
        [SECTOR, ("Der_PostCode_District", "derived")],
        [MONTH, day("CDS_Activity_Date", "month"), ("Der_Financial_Year", "derived")],
        [MONTH, day("Admission_Date")],
        [day("Admission_Date"), day("Discharge_Date"), ("Der_Spell_LoS", "as_is")],
        [day("Admission_Date", "month"), ("Der_Spell_LoS", "as_is")],
        [
            day("Admission_Date", "month"),
            day("Discharge_Date", "month"),
            ("Der_Spell_LoS", "as_is"),
        ],
        [AGE],
        [("Nobody_Knows", "derived"), LSOA],
        [("Der_PostCode_Sector", "as_is"), ("Sex", "as_is")],
    ],
)
def test_what_hides_nothing_of_another_is_not_spoken_of(fields):
    assert of_caps(asking(*fields)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([YEAR], "Year_of_Birth_SUS: told as if they were just 90."),
        ([AGE, YEAR], f"{AGE[0]}, {YEAR[0]}: told as if they were just 90."),
        ([EARLIER_AGE, AGE], f"{EARLIER_AGE[0]}, {AGE[0]}: told as if they were just 90."),
        ([BAND, AGE], f"{BAND[0]}, {AGE[0]}: told as if they were just 90."),
    ],
)
def test_what_is_hidden_of_the_oldest_is_said_and_stops_nothing(fields, said):
    (found,) = of_caps(asking(*fields))

    assert (found.code, found.refuses, found.pointer) == ("OLDEST_CAPPED", False, FIELDS)
    assert found.detail == f"Of people of 90 and over in line 1: {said}"
    assert found.offer is not None


def linked(*, link=True, upheld=False, **changes):
    """Small areas of two kinds in two lines, with one token a person where they are linked."""
    raw = asking(LSOA)
    other = {"data_set": "DIDS", "fields": listed(("POSTCODE_SECTOR", "derived")), **changes}
    raw[7]["lines"].append(line(2, **other))
    raw[16]["lines"].append({"line": 2, "route": "not_identifiable"})
    if not upheld:
        raw[8]["lines"].append({**raw[8]["lines"][0], "line": 2})
    if link:
        raw[10]["linkage"] = [{"data_sets": ["SUS_APC", "DIDS"], "mitigation": "Tokens only."}]
    return raw


def test_a_linked_data_set_tells_what_the_line_hides():
    (found,) = of_caps(linked())

    assert (found.code, found.pointer) == ("CAP_UNDONE", f"{FIELDS}/0")
    assert "POSTCODE_SECTOR of DIDS" in found.detail


@pytest.mark.parametrize(
    "raw",
    [
        linked(link=False),
        linked(recipient_environment={"organisation": CCG, "kind": "analytics"}),
        linked(purpose="RS"),
        linked(upheld=True),
        linked(fields=listed(("AGE_BAND_AT_TEST", "derived"))),
    ],
    ids=[
        "not linked",
        "landing elsewhere",
        "for something else",
        "less the objectors",
        "of something else",
    ],
)
def test_where_people_have_other_tokens_nothing_is_beside_it(raw):
    assert of_caps(raw) == []


@pytest.mark.parametrize("kind", [Kind.EXTENSION, Kind.SIMPLE_CHANGE])
def test_where_lines_cannot_be_changed_it_is_a_warning(kind):
    (found,) = of_caps(asking(SECTOR, LSOA), kind=kind)

    assert (found.code, found.refuses) == ("COLUMN_WITHHELD", False)


@pytest.mark.parametrize("kind", [Kind.NEW, Kind.AMENDMENT, Kind.RENEWAL])
def test_where_they_can_it_has_to_be(kind):
    (found,) = of_caps(asking(SECTOR, LSOA), kind=kind)

    assert (found.code, found.refuses) == ("CAP_UNDONE", True)


def test_of_identifiable_people_it_is_said():
    (found,) = of_caps(asking(SECTOR, LSOA, classification="IDENTIFIABLE"))

    assert (found.code, found.refuses) == ("COLUMN_WITHHELD", False)
