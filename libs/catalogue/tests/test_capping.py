"""What columns tell together, as data: the order of caps, and that more told hides no less."""

import re
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import catalogue
from catalogue import Cap, Derivation, Identifier, Shown, Treatment, caps, shown

SUS, DIDS = (catalogue.load().get(name) for name in ("SUS_APC", "DIDS"))
SLOWLY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long drawing takes is the machine's affair."""
FORMS = [*Derivation, "exact_date", None]
COLUMNS = st.builds(
    Shown,
    data_set=st.sampled_from(["SUS_APC", "DIDS"]),
    name=st.sampled_from([*"ABCDEFGH", "Der_Spell_LoS"]),
    source=st.sampled_from(["Born", "Lives", "Admission_Date", "Discharge_Date"]),
    form=st.sampled_from(FORMS),
    identifier=st.sampled_from([None, Identifier.DATE_OF_BIRTH, Identifier.POSTCODE]),
)


def of_birth(name, form, data_set="SUS_APC"):
    return Shown(
        data_set=data_set,
        name=name,
        source="Date_of_Birth",
        form=form,
        identifier=Identifier.DATE_OF_BIRTH,
    )


def area(name, form, data_set="SUS_APC"):
    return Shown(
        data_set=data_set,
        name=name,
        source="Postcode" if data_set == "SUS_APC" else "POSTCODE",
        form=form,
        identifier=Identifier.POSTCODE,
    )


def done(own, others=()):
    return {c.column.name: c.cap for c in caps().on_columns(own, others)}


@SLOWLY
@given(st.lists(COLUMNS, max_size=6), st.lists(COLUMNS, max_size=6))
def test_whatever_comes_beside_a_column_hides_no_less_of_it(own, others):
    alone = [(c.column, c.cap) for c in caps().on_columns(own)]
    beside = {id(c.column): c.cap for c in caps().on_columns(own, others)}

    for column, cap in alone:
        assert beside[id(column)].hides(cap)


@SLOWLY
@given(st.lists(COLUMNS, max_size=6), st.randoms())
def test_the_order_of_columns_is_no_matter(own, chance):
    shuffled = own[:]
    chance.shuffle(shuffled)

    assert {(c.column, c.cap) for c in caps().on_columns(own)} == {
        (c.column, c.cap) for c in caps().on_columns(shuffled)
    }


@SLOWLY
@given(st.lists(COLUMNS, max_size=6))
def test_what_is_withheld_names_what_has_to_be_left_out_for_it_to_be_told(own):
    for capped in caps().on_columns(own):
        if capped.cap is Cap.WITHHELD:
            rest = [c for c in own if c not in capped.because_of or c == capped.column]
            left = done([capped.column], [c for c in rest if c != capped.column])
            assert left.get(capped.column.name) is not Cap.WITHHELD


def test_each_cap_hides_what_those_before_it_hide():
    for earlier, later in combinations(Cap, 2):
        assert later.hides(earlier)
        assert not earlier.hides(later)
    assert all(cap.hides(cap) for cap in Cap)


@pytest.mark.parametrize("form", ["month", "month_of_year"])
@pytest.mark.parametrize("where", ["lsoa", "postcode_sector"])
@pytest.mark.parametrize("linked", ["SUS_APC", "DIDS"])
def test_a_month_of_birth_beside_a_small_area_is_withheld(form, where, linked):
    month, small = of_birth("M", Derivation(form)), area("A", Derivation(where), linked)

    assert done([month], [small]) == {"M": Cap.WITHHELD}
    assert done([month]) == {"M": Cap.WITHHELD_OF_OLDEST}


def test_month_and_year_of_birth_are_sensitive_and_told():
    both = [of_birth("M", Derivation.MONTH), of_birth("Y", Derivation.YEAR)]

    assert done(both) == {"M": Cap.WITHHELD_OF_OLDEST, "Y": Cap.CAPPED}


def test_ages_at_two_dates_are_capped_together():
    two = [of_birth("A", Derivation.AGE_YEARS), of_birth("B", Derivation.AGE_BAND)]

    assert done(two) == {"A": Cap.CAPPED_TOGETHER, "B": Cap.CAPPED_TOGETHER}
    assert done(two[:1]) == {"A": Cap.CAPPED}
    assert done(two[1:]) == {}
    # Of another data set they are of another record, as in another month.
    assert done(two[:1], [of_birth("C", Derivation.AGE_YEARS, "DIDS")]) == {"A": Cap.CAPPED}


def test_two_small_areas_cut_each_other_in_linked_data_sets_too():
    lsoa, sector = area("L", Derivation.LSOA), area("S", Derivation.POSTCODE_SECTOR, "DIDS")

    assert done([lsoa], [sector]) == {"L": Cap.WITHHELD}
    assert done([sector], [lsoa]) == {}


def test_a_month_of_an_event_is_beside_its_own_date_alone():
    month = Shown(data_set="SUS_APC", name="M", source="Admitted", form=Derivation.MONTH)
    date = Shown(data_set="SUS_APC", name="D", source="Admitted", form="exact_date")
    of_another = Shown(data_set="DIDS", name="D", source="Admitted", form="exact_date")

    assert done([date], [month]) == {"D": Cap.WITHHELD}
    assert done([of_another], [month]) == {}


def test_the_newest_rule_holds_and_the_one_before_is_still_read():
    assert caps().rule == "caps/4"


@pytest.mark.parametrize("data_set", [SUS, DIDS])
def test_every_column_of_the_catalogue_is_described(data_set):
    for name, column in data_set.releasables.items():
        for treatment in column.treatments:
            (found,) = shown(data_set, {name: treatment})
            assert (found.name, found.source) == (name, column.source)
            is_date = column.type is catalogue.ColumnType.DATE
            assert (found.form is not None) == (is_date or treatment is Treatment.DERIVED)


def test_the_lengths_of_the_rule_are_columns_of_their_data_sets():
    data_sets = {d.data_set: d for d in catalogue.load()}
    for length in caps().lengths:
        fields = data_sets[length.data_set].by_name
        assert fields[length.length].type is catalogue.ColumnType.INTEGER
        assert {fields[n].type for n in (length.first, length.last)} == {catalogue.ColumnType.DATE}


TELL_NO_END = {
    ("HES_CC", "CCLEV2DAYS"),
    ("HES_CC", "CCLEV3DAYS"),
    ("HES_AE", "DEPDUR"),
    *(
        (data_set, column)
        for data_set in ("CYPHS", "CSDS")
        for column in (
            "Care_Activities.CareActivity_Duration",
            "Care_Activities.CareContact_Duration",
            "Group_Sessions.GroupSession_Duration",
        )
    ),
}
"""Days of a part of a stay, and minutes where only the arrival has a date."""


def test_every_length_of_every_data_set_is_in_the_rule():
    said = re.compile(r"LoS$|DUR$|Duration$|WAIT|DAYS$|[Ll]ength of|[Dd]ays (?:at|waited)|in days")
    found = {
        (described.data_set, field.name)
        for described in catalogue.load()
        for field in described.fields
        if field.type is catalogue.ColumnType.INTEGER
        and field.treatments
        and (said.search(field.name) or said.search(field.title or ""))
    }

    assert len(found) > 5
    assert found - TELL_NO_END == {(length.data_set, length.length) for length in caps().lengths}


@pytest.mark.parametrize(
    ("data_set", "length", "exact", "coarse"),
    [
        ("SUS_APCS", "Der_Spell_LoS", "Discharge_Date", "Admission_Date"),
        ("HES_APC", "SPELDUR", "ADMIDATE", "DISDATE"),
        ("HES_APC", "SPELDUR", "EPIEND", "ADMIDATE"),
        ("HES_OP", "WAITING", "APPTDATE", "REQDATE"),
        ("ECDS", "Der_EC_Duration", "Arrival_Date", "EC_Departure_Date"),
    ],
)
def test_a_length_beside_one_exact_end_is_withheld_where_the_other_is_coarse(
    data_set, length, exact, coarse
):
    described = catalogue.load().get(data_set)
    told = {length: Treatment.AS_IS, exact: Treatment.AS_IS}

    assert caps().on_line(described, told | {coarse: Treatment.MONTH})[length] == Cap.WITHHELD
    assert length not in caps().on_line(described, told)
    assert length not in caps().on_line(described, told | {coarse: Treatment.AS_IS})


def test_what_the_caps_leave_is_said_with_its_reason():
    left = [one.what for one in caps().not_covered]

    assert len(left) == 3
    for words, one in zip(("several years", "own admission", "earlier version"), left, strict=True):
        assert words in one
    assert all(one.why for one in caps().not_covered)
