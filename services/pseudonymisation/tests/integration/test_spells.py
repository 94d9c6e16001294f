"""Columns that are made of several records: a spell is several episodes (docs/adr/0072)."""

import pytest

from common.errors import NoEdition
from services.pseudonymisation.tests.haven import CATALOGUE, SUS, world
from services.pseudonymisation.tests.landed import day

FORMS = {
    "Admission_Date": "as_is",
    "Der_Spell_Episodes": "derived",
    "Der_Spell_Episode_Position": "derived",
}
FORMER = CATALOGUE.get("SUS_APC", "1.3")


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def episode(serial, spell, start, provider="RH8", **more):
    """`Admission_Date` is its own in each test, by which the row is known again."""
    return {
        "NHS_Number": "9990000018",
        "Local_Patient_ID": "L1",
        "Provider_Code": provider,
        "Unique_CDS_Identifier": f"B{provider}{serial}",
        "Hospital_Spell_No": spell,
        "Admission_Date": day(f"2018-04-{serial:02}"),
        "Episode_Start_Date": day(start),
        "period": start[:7],
        "reasons": {"P": provider, "S": provider, "C": "02P"},
    } | more


def told(haven, *, periods=("2018-04",), **more):
    """By the serial of each row that was released: episodes of its spell, and which one it is."""
    request = haven.request(periods=[*periods], fields=[*FORMS])
    fields = [{"name": name, "treatment": form} for name, form in FORMS.items()]
    done = haven.prepare(request=request, periods=[*periods], fields=fields, **more)
    return {row[2].day: row[3:] for row in haven.rows_of(done.files[0])}


def test_a_spell_is_counted_by_its_month_and_provider_and_told_in_the_order_of_its_episodes(haven):
    of_two = [episode(1, "SP1", "2018-04-09"), episode(2, "SP1", "2018-04-03")]
    alone = [episode(3, "SP2", "2018-04-03"), episode(4, None, "2018-04-03")]
    haven.land([*of_two, *alone, episode(5, None, "2018-04-03")])
    haven.land([episode(6, "SP1", "2018-04-05", provider="RXX")], provider="RXX")
    haven.land([episode(7, "SP1", "2018-05-01")], period="2018-05")

    april = {1: (2, 2), 2: (2, 1), 3: (1, 1), 4: (None, None), 5: (None, None), 6: (1, 1)}
    assert told(haven) == april
    assert told(haven, periods=("2018-04", "2018-05")) == april | {7: (1, 1)}


def test_an_episode_that_is_another_commissioners_is_of_the_spell_all_the_same(haven):
    """As the length of a spell is: what is told of it is the same for everybody."""
    others = {"P": "RH8", "S": "RH8", "C": "00L"}
    haven.land([episode(1, "SP1", "2018-04-03", reasons=others), episode(2, "SP1", "2018-04-09")])

    assert told(haven) == {2: (2, 2)}


def test_a_record_that_is_there_twice_is_one_episode(haven):
    haven.land([episode(1, "SP1", "2018-04-03"), episode(2, "SP1", "2018-04-09")])
    again = episode(3, "SP1", "2018-04-03", Unique_CDS_Identifier="BRH81")
    haven.land([again])

    assert told(haven) == {2: (2, 2), 3: (2, 1)}


def test_rows_are_filtered_by_which_episode_they_are(haven):
    haven.land([episode(1, "SP1", "2018-04-09"), episode(2, "SP1", "2018-04-03")])
    first = {"column": "Der_Spell_Episode_Position", "at_most": 1}

    request = haven.request(fields=[*FORMS], filters=[first])
    fields = [{"name": name, "treatment": form} for name, form in FORMS.items()]
    done = haven.prepare(request=request, fields=fields, filters=[first])

    assert [row[2:] for row in haven.rows_of(done.files[0])] == [(day("2018-04-02"), 2, 1)]


def test_a_month_that_was_landed_before_serves_the_columns(
    tmp_path, make_engine, sqlite_url, clock
):
    """Nothing of them was landed: they are made of columns that every version has."""
    haven = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=FORMER)
    haven.land([episode(1, "SP1", "2018-04-09"), episode(2, "SP1", "2018-04-03")])
    haven.data_set = SUS

    assert told(haven) == {1: (2, 2), 2: (2, 1)}


def test_what_a_month_was_landed_without_is_named(tmp_path, make_engine, sqlite_url, clock):
    """Else whoever asks for a column of a newer version hears that there is no month."""
    haven = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=FORMER)
    haven.land([episode(1, "SP1", "2018-04-09")])
    haven.data_set = SUS
    forms = {"Sex": "as_is", "Der_Length_Of_Stay": "derived"}
    fields = [{"name": name, "treatment": form} for name, form in forms.items()]

    with pytest.raises(NoEdition, match="has no Der_Length_Of_Stay") as refused:
        haven.prepare(request=haven.request(fields=[*forms]), fields=fields)

    assert refused.value.members == {"periods": ["2018-04"], "columns": ["Der_Length_Of_Stay"]}


def test_a_version_in_which_the_spell_is_something_else_does_not_serve_them():
    fields = tuple(
        field.model_copy(update={"scan": False}) if field.name == "Hospital_Spell_No" else field
        for field in FORMER.fields
    )
    other = FORMER.model_copy(update={"fields": fields})

    assert FORMER.serves(SUS, ["Der_Spell_Episodes", "Sex"])
    assert not other.serves(SUS, ["Der_Spell_Episodes"])
    assert other.serves(SUS, ["Sex"])
