"""Data sets of several tables: what they are made into, and what is wrong with a file of one."""

import copy
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from catalogue import (
    Cap,
    DataSet,
    Filterable,
    InvalidDataSet,
    Treatment,
    caps,
    filterable,
    not_chosen,
    read,
)
from catalogue.describing import schema
from catalogue.landing import LandingRules
from catalogue.relations import qualified, split

DAY = {"name": "DAY", "class": "QI", "type": "date", "mandatory": True, "treatments": ["month"]}
WHO = {
    "name": "WHO",
    "class": "LI",
    "identifier": "local_patient",
    "mandatory": True,
    "treatments": ["pseudonym"],
}
REFERRAL = {**WHO, "name": "REFERRAL", "identifier": "local"}


def visits() -> dict[str, Any]:
    """People, their referrals, the visits of these, and sessions of nobody."""
    return {
        "data_set": "VISITS",
        "version": "1.0",
        "title": "Invented",
        "description": "Several tables.",
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
                "person": {"nhs_number": "NUM", "local_id": "WHO", "date_of_birth": "BORN"},
                "population": {"S": {"source": "submitter"}},
                "fields": [
                    DAY,
                    WHO,
                    {"name": "NUM", "class": "DI", "identifier": "nhs_number"},
                    {
                        "name": "BORN",
                        "class": "DI",
                        "identifier": "date_of_birth",
                        "type": "date",
                    },
                ],
                "derived": [{"name": "AGE", "from": "BORN", "at": "DAY", "derivation": "age_band"}],
            },
            {
                "table": "REFERRALS",
                "grain": "referral",
                "key": ["REFERRAL"],
                "parents": [{"table": "PEOPLE", "by": ["WHO"]}],
                "fields": [DAY, WHO, REFERRAL],
            },
            {
                "table": "VISITS",
                "grain": "visit",
                "parents": [{"table": "REFERRALS", "by": ["REFERRAL"]}],
                "fields": [
                    DAY,
                    REFERRAL,
                    {
                        "name": "MINUTES",
                        "class": "CLIN",
                        "type": "integer",
                        "treatments": ["as_is"],
                    },
                ],
            },
            {
                "table": "SESSIONS",
                "grain": "session",
                "needed": False,
                "population": {"S": {"source": "submitter"}},
                "fields": [
                    DAY,
                    {"name": "SIZE", "class": "CLIN", "type": "integer", "treatments": ["as_is"]},
                ],
            },
        ],
        "groups": [
            {
                "group": "Referrals",
                "grain": "referral",
                "from": [{"table": "REFERRALS", "joins": ["PEOPLE"]}],
                "columns": {"REFERRALS": ["REFERRAL"], "PEOPLE": ["AGE"]},
            },
            {
                "group": "Visits",
                "grain": "visit",
                "links": {"Referrals": ["REFERRAL"]},
                "from": [{"table": "VISITS", "joins": ["REFERRALS", "PEOPLE"]}],
                "columns": {"VISITS": ["REFERRAL", "MINUTES"], "PEOPLE": ["AGE"]},
            },
            {
                "group": "Sessions",
                "grain": "session",
                "subjects": "nobody",
                "from": [{"table": "SESSIONS"}],
                "columns": {"SESSIONS": ["SIZE"]},
            },
        ],
    }


def made(said: dict[str, Any]) -> DataSet:
    return read(yaml.safe_dump(said, sort_keys=False), name="VISITS-1.0.yaml")


def test_each_table_and_each_group_is_a_data_set_by_itself() -> None:
    whole = made(visits())

    assert [*whole.by_table] == ["PEOPLE", "REFERRALS", "VISITS", "SESSIONS"]
    assert [f.name for f in whole.by_table["VISITS"].fields] == ["DAY", "REFERRAL", "MINUTES"]
    assert whole.by_table["PEOPLE"].person.nhs_number == "NUM"
    assert [*whole.by_group] == ["Referrals", "Visits", "Sessions"]
    assert {d.digest for d in (*whole.by_table.values(), *whole.by_group.values())} == {
        whole.digest
    }
    assert whole.as_sent.by_name.keys() >= {"PEOPLE.NUM", "VISITS.MINUTES", "SESSIONS.SIZE"}


def test_the_whole_names_each_column_with_its_group() -> None:
    whole = made(visits())

    may_leave = {name for name, one in whole.releasables.items() if one.treatments}

    assert may_leave == {
        *("Referrals.REFERRAL", "Referrals.AGE", "Visits.REFERRAL", "Visits.MINUTES"),
        *("Visits.AGE", "Sessions.SIZE"),
    }
    assert whole.releasable("Visits.REFERRAL").treatments == (Treatment.PSEUDONYM,)
    assert filterable(whole, "Visits.MINUTES") == Filterable(is_number=True)
    assert filterable(whole, "Visits.REFERRAL") is None
    assert split("Visits.MINUTES") == ("Visits", "MINUTES")
    assert split("MINUTES") == ("", "MINUTES")
    assert qualified(*split("Visits.MINUTES")) == "Visits.MINUTES"


def test_a_filter_chooses_rows_of_its_group_and_of_those_that_belong_to_it() -> None:
    """Of others it takes one on the same column of their own."""
    joined = {"People": (), "Visits": ("People",), "Notes": ("Visits", "People"), "Wards": ()}

    def without(*columns: str) -> set[tuple[str, str]]:
        return set(not_chosen(columns, joined, joined))

    assert without("People.TOWN") == {("People.TOWN", "Wards")}
    assert without("People.TOWN", "Wards.TOWN") == set()
    assert without("Visits.KIND") == {("Visits.KIND", "People"), ("Visits.KIND", "Wards")}
    assert without("Visits.KIND", "Wards.KIND") == {
        ("Visits.KIND", "People"),
        ("Wards.KIND", "People"),
    }
    assert set(not_chosen(["Visits.KIND"], ["Notes"], joined)) == set()


def test_a_group_rests_on_columns_that_it_does_not_show() -> None:
    visits_of = made(visits()).by_group["Visits"]

    hidden = {f.name for f in visits_of.fields if not f.treatments}

    assert hidden == {"NUM", "WHO", "BORN", "DAY"}
    assert visits_of.person.nhs_number == "NUM"
    assert [*visits_of.population] == ["S"]


def test_a_persons_age_is_made_of_the_same_in_every_group() -> None:
    """What is told of one group is held together with what is told of the others."""
    whole = made(visits())

    assert {whole.forms[name].source for name in ("Referrals.AGE", "Visits.AGE")} == {
        "Referrals.BORN"
    }


def test_a_group_about_nobody_has_no_person() -> None:
    sessions = made(visits()).by_group["Sessions"]

    assert sessions.is_about_nobody
    assert not any(sessions.person.model_dump().values())
    assert not made(visits()).by_group["Visits"].is_about_nobody


def test_tables_come_behind_those_they_belong_to() -> None:
    said = visits()
    said["tables"].reverse()

    in_order = [table.table for table in made(said).relations.in_order()]

    assert in_order.index("PEOPLE") < in_order.index("REFERRALS") < in_order.index("VISITS")


def test_the_schema_takes_what_is_read() -> None:
    jsonschema.validate(visits(), schema())

    flat = visits() | {"fields": [DAY], "population": {}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(flat, schema())


Change = Callable[[dict[str, Any]], Any]


def table(said: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in said["tables"] if one["table"] == name)


def group(said: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in said["groups"] if one["group"] == name)


def parent(**more: Any) -> Change:
    return lambda s: table(s, "VISITS")["parents"][0].update(more)


WRONG: dict[str, tuple[Change, str]] = {
    "a table twice": (lambda s: s["tables"].append(s["tables"][0]), "named twice: people"),
    "a group twice": (lambda s: s["groups"].append(s["groups"][0]), "named twice: referrals"),
    "fields besides": (lambda s: s.update(fields=[DAY]), "each table says it of itself"),
    "no month": (
        lambda s: table(s, "VISITS")["fields"].pop(0),
        "VISITS: has no column DAY, by which its rows have their month",
    ),
    "a key twice": (
        lambda s: table(s, "PEOPLE").update(key=["WHO", "WHO"]),
        "PEOPLE: key names who twice",
    ),
    "a key that is no column": (
        lambda s: table(s, "SESSIONS").update(key=["NO"]),
        "key names NO, which is not a column",
    ),
    "a key that may be empty": (
        lambda s: table(s, "SESSIONS").update(key=["SIZE"]),
        "key names SIZE, without which a row may come",
    ),
    "a key that is a person's number": (
        lambda s: (
            table(s, "PEOPLE")["fields"][2].update(mandatory=True),
            table(s, "PEOPLE").update(key=["NUM"]),
        ),
        "key names NUM: a person's number is kept as the person",
    ),
    "no such parent": (parent(table="NONE"), "belongs to NONE, which is not a table"),
    "a parent without a key": (
        parent(table="SESSIONS"),
        "belongs to SESSIONS, which has no key",
    ),
    "a parent twice": (
        lambda s: table(s, "VISITS")["parents"].append(table(s, "VISITS")["parents"][0]),
        "belongs to referrals twice",
    ),
    "not the parent's key": (
        parent(by=["REFERRAL", "DAY"]),
        "belongs to REFERRALS by REFERRAL, DAY, whose key is REFERRAL",
    ),
    "written otherwise than the key": (
        parent(by=["MINUTES"]),
        "MINUTES is not written as REFERRALS.REFERRAL, which it names",
    ),
    "no such column": (parent(by=["NO"]), "belongs to REFERRALS by NO, which is not a column"),
    "a parent that may be missing": (
        lambda s: table(s, "VISITS")["fields"][1].pop("mandatory"),
        "REFERRAL may be empty, and every row belongs to a row of REFERRALS",
    ),
    "a circle": (
        lambda s: table(s, "PEOPLE").update(
            parents=[{"table": "REFERRALS", "by": ["WHO"], "needed": False}],
            fields=[*table(s, "PEOPLE")["fields"]],
        ),
        "a circle: PEOPLE, REFERRALS",
    ),
    "a parent to itself": (
        lambda s: table(s, "PEOPLE").update(
            parents=[{"table": "PEOPLE", "by": ["WHO"], "needed": False}]
        ),
        "a circle: PEOPLE, REFERRALS, VISITS",
    ),
    "a table that differs by case alone": (
        lambda s: s["tables"].append(table(s, "SESSIONS") | {"table": "Sessions"}),
        "named twice: sessions",
    ),
    "more tables than a machine compares": (
        lambda s: s["tables"].extend(table(s, "SESSIONS") | {"table": f"T{n}"} for n in range(300)),
        "at most 200 items",
    ),
    "more groups than lines have numbers for": (
        lambda s: s["groups"].extend(group(s, "Sessions") | {"group": f"G{n}"} for n in range(300)),
        "at most 100 items",
    ),
    "tables that are no list": (lambda s: s.update(tables=5), "tables: is a list"),
    "groups that are no list": (lambda s: s.update(groups={"a": 1}), "groups: is a list"),
    "a name that looks like another": (
        lambda s: s["tables"].append(table(s, "SESSIONS") | {"table": "\u0420EOPLE"}),
        "should match pattern",
    ),
    "made of several records": (
        lambda s: table(s, "VISITS").update(
            derived=[{"name": "N", "type": "integer", "from": "REFERRAL", "derivation": "records"}]
        ),
        "VISITS: N: what is made of several records is a group of its own",
    ),
    "fan-out": (
        lambda s: (
            group(s, "Referrals")["from"][0]["joins"].append("VISITS"),
            group(s, "Referrals")["columns"].update(VISITS=["MINUTES"]),
        ),
        "VISITS has several rows for one of REFERRALS, which would repeat rows (fan-out)",
    ),
    "joined on no key": (
        lambda s: group(s, "Referrals")["from"][0]["joins"].append("SESSIONS"),
        "SESSIONS is joined on no key",
    ),
    "the latest of one": (
        lambda s: group(s, "Referrals")["from"][0].update(
            joins=[{"table": "PEOPLE", "latest": "DAY"}]
        ),
        "PEOPLE is joined by its key, so that there is no other than the latest",
    ),
    "the latest by what cannot be compared": (
        lambda s: group(s, "Referrals")["from"][0]["joins"].append(
            {"table": "VISITS", "latest": "REFERRAL"}
        ),
        "latest names REFERRAL, which is no column that can be compared",
    ),
    "joined twice": (
        lambda s: group(s, "Referrals")["from"][0]["joins"].append("PEOPLE"),
        "REFERRALS is joined with people twice",
    ),
    "rows twice": (
        lambda s: group(s, "Referrals")["from"].append(group(s, "Referrals")["from"][0]),
        "has the rows of referrals twice",
    ),
    "a lost person": (
        lambda s: (
            group(s, "Visits")["from"][0].update(joins=["REFERRALS"]),
            group(s, "Visits")["columns"].pop("PEOPLE"),
        ),
        "rows of VISITS lose their person (lost parent)",
    ),
    "a person that may not be there": (
        lambda s: table(s, "REFERRALS")["parents"][0].update(needed=False),
        "rows of REFERRALS may have no row of PEOPLE (lost parent)",
    ),
    "the number of whom rows are about as a column": (
        lambda s: (
            table(s, "PEOPLE")["fields"][2].update(treatments=["pseudonym"]),
            group(s, "Referrals")["columns"]["PEOPLE"].append("NUM"),
        ),
        "NUM is whom rows are about, who have a token",
    ),
    "nobody's rows with people": (
        lambda s: group(s, "Referrals").update(subjects="nobody"),
        "is about nobody, and is joined with PEOPLE",
    ),
    "an unknown table": (
        lambda s: group(s, "Sessions").update({"from": [{"table": "NONE"}]}),
        "is made of NONE, which is not a table",
    ),
    "columns of another table": (
        lambda s: group(s, "Sessions")["columns"].update(VISITS=["MINUTES"]),
        "columns names VISITS, which is not in the group",
    ),
    "an unknown column": (
        lambda s: group(s, "Sessions")["columns"].update(SESSIONS=["NO"]),
        "columns names SESSIONS.NO, which is not a column",
    ),
    "a column from two tables": (
        lambda s: group(s, "Visits")["columns"].update(REFERRALS=["REFERRAL"]),
        "rows of VISITS have referral twice, from two tables",
    ),
    "two columns of one name": (
        lambda s: (
            table(s, "SESSIONS")["fields"][1].update(name="MINUTES", minimum=0),
            group(s, "Visits")["from"].append({"table": "SESSIONS", "joins": []}),
            group(s, "Visits")["columns"].update(SESSIONS=["MINUTES"]),
        ),
        "MINUTES is another column in SESSIONS than in VISITS",
    ),
    "a name of two types": (
        lambda s: (
            table(s, "SESSIONS")["fields"][1].update(name="MINUTES", type="decimal"),
            group(s, "Sessions")["columns"].update(SESSIONS=["MINUTES"]),
        ),
        "MINUTES is of another type than in Visits: give it another name",
    ),
    "a name that is too long": (
        lambda s: (
            table(s, "SESSIONS")["fields"][1].update(name="S" * 60),
            group(s, "Sessions")["columns"].update(SESSIONS=["S" * 60]),
        ),
        "is longer than 64 characters",
    ),
    "a link to nothing": (
        lambda s: group(s, "Visits").update(links={"None": ["REFERRAL"]}),
        "links names None, which is not another group",
    ),
    "a link by what is not there": (
        lambda s: group(s, "Visits").update(links={"Referrals": ["MINUTES"]}),
        "links names MINUTES, which Referrals has not",
    ),
    "a link with nobody": (
        lambda s: group(s, "Visits").update(links={"Sessions": ["REFERRAL"]}),
        "links names Sessions, and nobody's rows are linked",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_between_tables_is_said_with_its_line(what: str) -> None:
    change, detail = WRONG[what]
    said = copy.deepcopy(visits())
    change(said)

    with pytest.raises(InvalidDataSet) as refused:
        made(said)

    assert any(detail in str(one) for one in refused.value.problems), refused.value.problems
    assert all(one.line for one in refused.value.problems)


def births() -> dict[str, Any]:
    """Visits of which each brought somebody else into the world."""
    said = copy.deepcopy(visits())
    told = table(said, "VISITS")
    number = {"name": "NUM2", "class": "DI", "identifier": "nhs_number"}
    told["fields"] += [number | {"treatments": ["pseudonym"]}, {**WHO, "name": "WHO2"}]
    told["person"] = {"nhs_number": "NUM2", "local_id": "WHO2"}
    group(said, "Visits")["other"] = "VISITS"
    group(said, "Visits")["columns"]["VISITS"].append("NUM2")
    return said


def test_a_row_may_name_two_people_and_is_about_the_first() -> None:
    view = made(births()).by_group["Visits"]

    assert (view.person.nhs_number, view.other.nhs_number) == ("NUM", "NUM2")
    assert made(births()).releasable("Visits.NUM2").treatments == (Treatment.PSEUDONYM,)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda s: group(s, "Visits").pop("other"), "have the people of VISITS, PEOPLE"),
        (
            lambda s: group(s, "Referrals").update(other="VISITS"),
            "names VISITS as the second person of rows of REFERRALS, which have it not",
        ),
        (
            lambda s: group(s, "Visits").update(other="REFERRALS"),
            "has no column with the number of REFERRALS",
        ),
        (
            lambda s: group(s, "Visits")["columns"]["VISITS"].remove("NUM2"),
            "has no column with the number of VISITS",
        ),
        (
            lambda s: table(s, "VISITS")["fields"][3].update(treatments=[]),
            "its one treatment is pseudonym",
        ),
        (
            lambda s: _home(s, "VISITS"),
            "HOME is the postcode of a second person, and PEOPLE has none",
        ),
    ],
)
def test_what_is_wrong_with_a_second_person_is_said(change, detail: str) -> None:
    said = births()
    change(said)

    with pytest.raises(InvalidDataSet) as refused:
        made(said)

    assert any(detail in str(one) for one in refused.value.problems), refused.value.problems


def _home(said: dict[str, Any], name: str) -> None:
    home = {"name": "HOME", "class": "DI", "identifier": "postcode", "check": "postcode"}
    table(said, name)["fields"].append(home)
    table(said, name)["person"]["postcode"] = "HOME"


def test_what_is_wrong_in_a_table_names_it() -> None:
    said = copy.deepcopy(visits())
    table(said, "VISITS")["fields"][2]["treatments"] = ["pseudonym"]

    with pytest.raises(InvalidDataSet) as refused:
        made(said)

    assert [one.pointer for one in refused.value.problems] == ["tables/2/fields/2"]


def test_a_row_of_several_is_joined_where_it_is_said_which() -> None:
    said = copy.deepcopy(visits())
    group(said, "Referrals")["from"][0]["joins"].append({"table": "VISITS", "latest": "DAY"})
    group(said, "Referrals")["columns"]["VISITS"] = ["MINUTES"]

    assert "MINUTES" in made(said).by_group["Referrals"].by_name


AGED = {"name": "AGE_SEEN", "from": "PEOPLE.BORN", "at": "VISITS.SEEN", "derivation": "age_band"}
WAITED = {
    "name": "WAITED",
    "class": "CLIN",
    "type": "integer",
    "from": "REFERRALS.ASKED",
    "at": "VISITS.SEEN",
    "derivation": "days",
}


def seen() -> dict[str, Any]:
    """Visits with their days, and what is made of these beside referral and person."""
    said = copy.deepcopy(visits())
    for of, name in (("REFERRALS", "ASKED"), ("VISITS", "SEEN")):
        day = {"name": name, "class": "QI", "type": "date", "treatments": ["as_is", "month"]}
        table(said, of)["fields"].append(day)
    group(said, "Referrals")["columns"]["REFERRALS"].append("ASKED")
    group(said, "Visits")["columns"]["VISITS"].append("SEEN")
    group(said, "Visits")["derived"] = [dict(AGED), dict(WAITED)]
    return said


def test_an_age_at_an_event_of_another_table_is_made_where_both_stand_side_by_side() -> None:
    whole = made(seen())
    view = whole.by_group["Visits"]

    jsonschema.validate(seen(), schema())
    assert whole.releasable("Visits.AGE_SEEN").treatments == (Treatment.DERIVED,)
    assert whole.forms["Visits.AGE_SEEN"].is_age
    assert whole.forms["Visits.AGE_SEEN"].source == whole.forms["Referrals.AGE"].source
    assert (view.forms["AGE_SEEN"].source, view.forms["AGE_SEEN"].at) == ("BORN", "SEEN")
    assert not view.by_name["BORN"].treatments
    assert not view.by_name["ASKED"].treatments
    assert "BORN" not in {name for name, one in whole.releasables.items() if one.treatments}


def test_a_version_that_makes_more_serves_what_the_one_before_had_and_not_the_other_way() -> None:
    older = seen()
    group(older, "Visits")["derived"] = []
    before, now = made(older), made(seen() | {"version": "1.1"})

    assert before.serves(now, ["Visits.SEEN", "Visits.AGE"])
    assert not before.serves(now, ["Visits.SEEN", "Visits.AGE_SEEN"])
    assert now.serves(before, ["Visits.SEEN", "Visits.AGE"])


def test_caps_know_a_date_that_another_group_shows() -> None:
    """Else days up to an exact date told a date exactly of which the line has the month."""
    whole = made(seen())
    as_is, month, derived = Treatment.AS_IS, Treatment.MONTH, Treatment.DERIVED
    line = {"Visits.SEEN": as_is, "Visits.WAITED": derived}

    assert caps().on_line(whole, line | {"Referrals.ASKED": month}) == {
        "Visits.WAITED": Cap.WITHHELD
    }
    assert caps().on_line(whole, line | {"Referrals.ASKED": as_is}) == {}
    ages = caps().on_line(whole, {"Visits.AGE_SEEN": derived, "Referrals.AGE": derived})
    assert set(ages.values()) == {Cap.CAPPED_TOGETHER}


ACROSS: dict[str, tuple[Change, str]] = {
    "of one table": (
        lambda s: group(s, "Visits")["derived"][0].update(at="PEOPLE.DAY"),
        "AGE_SEEN is made of one table, which makes it itself",
    ),
    "not side by side": (
        lambda s: group(s, "Referrals").update(derived=[AGED]),
        "AGE_SEEN is made of PEOPLE and VISITS, which do not stand side by side",
    ),
    "no such column": (
        lambda s: group(s, "Visits")["derived"][0].update(at="VISITS.NO"),
        "AGE_SEEN is made of VISITS.NO, which is not a column",
    ),
    "a name that two tables have": (
        lambda s: group(s, "Visits")["derived"][0].update(at="VISITS.DAY"),
        "AGE_SEEN is made of VISITS.DAY, and REFERRALS, PEOPLE has a column of that name too",
    ),
    "at a day that identifies": (
        lambda s: group(s, "Visits")["derived"][1].update(at="PEOPLE.BORN"),
        "`at` must name a date that identifies nobody, not PEOPLE.BORN",
    ),
    "at what is no day": (
        lambda s: group(s, "Visits")["derived"][0].update(at="VISITS.MINUTES"),
        "`at` must name a date that identifies nobody, not VISITS.MINUTES",
    ),
    "an age of no birth": (
        lambda s: group(s, "Visits")["derived"][0].update({"from": "REFERRALS.ASKED"}),
        "AGE_SEEN is an age of whom rows are about: made `from` their birth date",
    ),
    "days of a birth": (
        lambda s: group(s, "Visits")["derived"][1].update({"from": "PEOPLE.BORN"}),
        "WAITED counts days between dates that leave as they are",
    ),
    "days of what leaves as its month alone": (
        lambda s: table(s, "REFERRALS")["fields"][-1].update(treatments=["month"]),
        "WAITED counts days between dates that leave as they are",
    ),
    "a name that a column has": (
        lambda s: group(s, "Visits")["derived"][0].update(name="MINUTES"),
        "rows of VISITS have minutes twice",
    ),
    "made twice": (
        lambda s: group(s, "Visits")["derived"].append(AGED),
        "rows of VISITS have age_seen twice",
    ),
    "of another type elsewhere": (
        lambda s: group(s, "Visits")["derived"][1].update(name="SIZE"),
        "SIZE is of another type than in Visits",
    ),
    "a form that is none of two rows": (
        lambda s: group(s, "Visits")["derived"][0].update(derivation="year"),
        "Input should be",
    ),
    "an integer that is a text": (
        lambda s: group(s, "Visits")["derived"][1].pop("type"),
        "days is a integer",
    ),
    "SQL": (
        lambda s: group(s, "Visits")["derived"][0].update(at="VISITS.SEEN); DROP TABLE x"),
        "should match pattern",
    ),
    "a name that is too long": (
        lambda s: group(s, "Visits")["derived"][0].update(name="A" * 60),
        "is longer than 64 characters",
    ),
}


@pytest.mark.parametrize("what", ACROSS)
def test_what_is_wrong_with_a_form_of_two_tables_is_said(what: str) -> None:
    change, detail = ACROSS[what]
    said = seen()
    change(said)

    with pytest.raises(InvalidDataSet) as refused:
        made(said)

    assert any(detail in str(one) for one in refused.value.problems), refused.value.problems


RULES = {"data_set": "VISITS", "version": 1, "valid_from": "2018-04-01", "sources": ["nobody"]}


def test_rules_hold_for_the_tables_that_have_their_columns() -> None:
    whole = made(visits())
    rules = LandingRules.model_validate(
        RULES
        | {
            "fields": [{"names": ["MINUTES", "SIZE"], "otherwise": "empty"}],
            "measures": ["MINUTES"],
        }
    )

    assert [*rules.problems_with(whole)] == []
    of_sessions = rules.of_table(whole.by_table["SESSIONS"])
    assert [rule.names for rule in of_sessions.fields] == [("SIZE",)]
    assert of_sessions.measures == ()
    assert rules.taken_in(whole) is whole
    assert (
        not rules.of_table(whole.by_table["VISITS"])
        .taken_in(whole.by_table["VISITS"])
        .by_name["MINUTES"]
        .mandatory
    )


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"fields": [{"names": ["NO"]}]}, "fields names NO, which no table"),
        (
            {"record": {"key": ["WHO"], "twice": "replace", "source": "nobody"}},
            "record: each table says its key itself",
        ),
        (
            {
                "validity": [
                    {
                        "code": "WRONG",
                        "column": "MINUTES",
                        "is": "above",
                        "than": "SIZE",
                        "effect": "warn",
                        "text": "No.",
                        "source": "nobody",
                    }
                ]
            },
            "validity WRONG: no table has all of its columns",
        ),
    ],
)
def test_rules_that_fit_no_table_are_said(more: dict[str, Any], detail: str) -> None:
    rules = LandingRules.model_validate(RULES | more)

    assert any(detail in one for one in rules.problems_with(made(visits())))


@pytest.mark.parametrize("word", ["part", "other", "names_two", "below", "unseen", "digest"])
def test_what_is_computed_is_not_given(word: str) -> None:
    """A flat file that said it is a group would be counted and landed as one."""
    with pytest.raises(InvalidDataSet) as refused:
        made(visits() | {word: "PEOPLE"})

    assert [(one.pointer, one.detail) for one in refused.value.problems] == [
        (word, "is computed, not given")
    ]
    assert word not in schema()["properties"]
