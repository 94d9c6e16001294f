"""Data sets of several tables without a line of code: invented, landed, prepared, compared.

Three tables with keys, of which the third says who the second person of its rows is.
"""

import csv
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalogue import Catalogue, DataSet, read
from cli.tests.test_every_data_set import FIRST, Place, place
from cli.tests.test_invented_data_sets import PLAIN, column
from cli.tests.test_several_tables import extract, goes_through, land, make
from pseudonymisation.preparations.domain.errors import PcdLeak
from statements.filters import RowFilter
from tests.flattening import Tables

__all__ = ["place"]

AT = {"class": "QI", "type": "date", "mandatory": True, "treatments": ["as_is"]}
DAY = {"name": "DAY", "class": "QI", "type": "date", "mandatory": True, "treatments": ["month"]}


def local(name: str, kind: str) -> dict[str, Any]:
    said = {"name": name, "class": "LI", "identifier": kind, "mandatory": True}
    return said | {"length_max": 20, "treatments": ["pseudonym"]}


def number(name: str, *treatments: str) -> dict[str, Any]:
    said = {"name": name, "class": "DI", "identifier": "nhs_number", "check": "nhs_number"}
    return said | {"treatments": list(treatments)}


def born(name: str) -> dict[str, Any]:
    return {"name": name, "class": "DI", "identifier": "date_of_birth", "type": "date"}


HOME = {"name": "HOME", "class": "DI", "identifier": "postcode", "check": "postcode"}
AGE = {"name": "AGE", "derivation": "age_band", "from": "BORN", "at": "DAY", "class": "QI"}
AGED = {"derivation": "age_years", "from": "PEOPLE.BORN", "class": "QI", "type": "integer"}
"""Made across tables: of whom rows are about, at a day of what belongs to them."""
WAIT = {"derivation": "days", "from": "EVENTS.ASKED", "class": "CLIN", "type": "integer"}
SECTOR = {"name": "SECTOR", "derivation": "postcode_sector", "from": "HOME", "class": "QI"}


def invented(
    first: list[Mapping[str, Any]], second: list[Mapping[str, Any]], third: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """People, what belongs to them, and whom that has brought into the world."""
    own = {
        table: [{"name": f"{table[0]}{at}", **one} for at, one in enumerate(drawn)]
        for table, drawn in {"PEOPLE": first, "EVENTS": second, "OTHERS": third}.items()
    }
    names = {
        table: [one["name"] for one in fields if one["treatments"]] for table, fields in own.items()
    }
    return {
        "data_set": "INVENTED",
        "version": "1.0",
        "title": "Invented on the spot",
        "description": "Three tables, and two people in a row.",
        "source": "nobody",
        "valid_from": "2018-04-01",
        "grain": "several tables",
        "sensitivity": "NON_SENSITIVE",
        "periods": {"unit": "month", "from": "2018-04", "field": "DAY"},
        "refresh": "replaced",
        "publication_gate": False,
        "disclosure_rule": "CSDS",
        "tables": [
            {
                "table": "PEOPLE",
                "grain": "person",
                "key": ["WHO"],
                "person": {
                    "nhs_number": "NUM",
                    "local_id": "WHO",
                    "date_of_birth": "BORN",
                    "postcode": "HOME",
                },
                "population": {"H": {"source": "postcode", "field": "HOME"}},
                "fields": [DAY, local("WHO", "local_patient"), number("NUM"), born("BORN"), HOME]
                + own["PEOPLE"],
                "derived": [AGE, SECTOR],
            },
            {
                "table": "EVENTS",
                "grain": "event",
                "key": ["EVENT"],
                "parents": [{"table": "PEOPLE", "by": ["WHO"]}],
                "person": {"local_id": "WHO"},
                "fields": [
                    DAY,
                    local("WHO", "local_patient"),
                    local("EVENT", "local"),
                    {"name": "ASKED", **AT},
                ]
                + own["EVENTS"],
            },
            {
                "table": "OTHERS",
                "grain": "second person of an event",
                "needed": False,
                "key": ["OTHER"],
                "parents": [{"table": "EVENTS", "by": ["EVENT"]}],
                "person": {
                    "nhs_number": "OTHER_NUM",
                    "local_id": "OTHER",
                    "date_of_birth": "OTHER_BORN",
                },
                "fields": [
                    DAY,
                    local("EVENT", "local"),
                    local("OTHER", "local_patient"),
                    number("OTHER_NUM", "pseudonym"),
                    born("OTHER_BORN"),
                    {"name": "CAME", **AT},
                ]
                + own["OTHERS"],
            },
        ],
        "groups": [
            {
                "group": "People",
                "grain": "person",
                "from": [{"table": "PEOPLE"}],
                "columns": {"PEOPLE": ["WHO", "AGE", "SECTOR", *names["PEOPLE"]]},
            },
            {
                "group": "Events",
                "grain": "event",
                "links": {"People": ["WHO"]},
                "from": [{"table": "EVENTS", "joins": ["PEOPLE"]}],
                "columns": {"EVENTS": ["WHO", "EVENT", *names["EVENTS"]], "PEOPLE": ["AGE"]},
                "derived": [
                    {"name": "AGE_ASKED", **AGED, "at": "EVENTS.ASKED"},
                    {
                        "name": "BAND_ASKED",
                        "derivation": "age_band",
                        "from": "PEOPLE.BORN",
                        "at": "EVENTS.ASKED",
                    },
                ],
            },
            {
                "group": "Both",
                "grain": "second person of an event",
                "links": {"Events": ["EVENT"]},
                "other": "OTHERS",
                "from": [{"table": "OTHERS", "joins": ["EVENTS", "PEOPLE"]}],
                "columns": {
                    "OTHERS": ["OTHER_NUM", "EVENT", *names["OTHERS"]],
                    "EVENTS": names["EVENTS"],
                },
                "derived": [
                    {"name": "AGE_CAME", **AGED, "at": "OTHERS.CAME"},
                    {"name": "WAITED", **WAIT, "at": "OTHERS.CAME"},
                ],
            },
        ],
    }


def known(said: Mapping[str, Any]) -> tuple[DataSet, Catalogue]:
    data_set = read(yaml.safe_dump(dict(said), sort_keys=False), name="INVENTED-1.0.yaml")
    return data_set, Catalogue((data_set,))


CODES = column(codes=["A", "B", "C"])
COLUMNS = st.lists(PLAIN, min_size=0, max_size=4).map(lambda drawn: [CODES, *drawn])


@st.composite
def relational(draw: st.DrawFn) -> Mapping[str, Any]:
    return invented(draw(COLUMNS), draw(COLUMNS), draw(COLUMNS))


FEW = RowFilter(column="People.P0", any_of=("A", "B"))


def of_few(sent: Tables) -> Tables:
    """Leave people out, what belongs to them, and what belongs to that."""
    people = [one for one in sent["PEOPLE"] if one["P0"] in FEW.any_of]
    who = {one["WHO"] for one in people}
    events = [one for one in sent["EVENTS"] if one["WHO"] in who]
    of = {one["EVENT"] for one in events}
    others = [one for one in sent["OTHERS"] if one["EVENT"] in of]
    assert 0 < len(others) < len(sent["OTHERS"])
    return {"PEOPLE": people, "EVENTS": events, "OTHERS": others}


def goes(place: Place, said: Mapping[str, Any], *, few: bool = False) -> None:
    data_set, catalogue = known(said)
    counts = (
        goes_through(place, data_set, catalogue, FIRST, filters=(FEW,), chosen=of_few)
        if few
        else goes_through(place, data_set, catalogue, FIRST)
    )
    assert set(counts) == {"People", "Events", "Both"}


def test_three_tables_and_two_people_in_a_row_go_from_files_to_extracts(place: Place) -> None:
    goes(place, invented([CODES], [CODES], [CODES]))


def test_a_filter_gives_what_tables_have_of_which_only_such_rows_were_sent(place: Place) -> None:
    """In the group of its column, one step below it, and two (docs/adr/0202)."""
    goes(place, invented([CODES, CODES], [CODES], [CODES]), few=True)


MANY = settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(MANY, max_examples=2)
@given(said=relational())
def test_tables_invented_on_the_spot_go_from_files_to_extracts(place, said):
    goes(place, said)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(MANY)
@given(said=relational(), few=st.booleans())
def test_many_tables_invented_on_the_spot_go_from_files_to_extracts(place, said, few):
    goes(place, said, few=few)


def test_the_own_birth_date_of_a_second_person_does_not_leave_in_a_text(place: Place) -> None:
    """Guard: `Guard.whose`. Landing of the event did not know whose birth date it is."""
    note = column(length_max=40, scan=True)
    data_set, catalogue = known(invented([CODES], [note], [CODES]))
    made = make(place, data_set)
    people, events, others = (_rows(made[name]) for name in ("PEOPLE", "EVENTS", "OTHERS"))
    # Whoever of them the extract selects: the dates of the others are not those of the mothers.
    by_event = {one["EVENT"]: one["OTHER_BORN"] for one in others}
    born = {one["WHO"]: one["BORN"] for one in people}
    for one in events:
        other = by_event.get(one["EVENT"], born[one["WHO"]])
        one["E0"] = "came as agreed" if other == born[one["WHO"]] else f"dob {other}"
    assert len({one["E0"] for one in events}) > 10
    _write(made["EVENTS"], events)

    edition, outcome = land(place, data_set, made, catalogue, FIRST)

    assert outcome.quarantined == 0
    extract(place, data_set, catalogue, edition, "Events", FIRST)
    with pytest.raises(PcdLeak) as held:
        extract(place, data_set, catalogue, edition, "Both", FIRST)
    assert held.value.columns == ("E0",)


def _rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
