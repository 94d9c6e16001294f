"""What nobody published is said of each file that is made by it, and cannot be left unmarked."""

from importlib.resources import files

import pytest
import yaml

import catalogue
from catalogue import LandingRules, assumptions
from catalogue.assuming import parts

KNOWN = catalogue.load()
MINIMAL = {
    "data_set": "SUS_APC",
    "version": 1,
    "valid_from": "2018-04-01",
    "sources": ["NHS Data Dictionary"],
}
RESTRICTED = {
    "code": "LEGALLY_RESTRICTED",
    "columns": ["Der_Primary_Diagnosis_Code"],
    "begins": ["Z31"],
    "source": "the list",
    "valid_from": "2018-04-01",
}


def of(name, *, months=None, version=None):
    data_set = KNOWN.get(name, version)
    rules = [r for r in KNOWN.landing_rules if r.data_set == name]
    return assumptions(data_set, [max(rules, key=lambda r: r.version)], months)


def rules_with(**said):
    return LandingRules.model_validate(MINIMAL | said)


@pytest.mark.parametrize(
    ("name", "rule", "part"),
    [
        ("SUS_APC", "landing rules SUS_APC", "LEGALLY_RESTRICTED"),
        ("SUS_APC", "landing rules SUS_APC", "collection"),
        ("SUS_APC", "calendar stages", "stages"),
        ("SHMI", "members acute_trusts", "PROCODE3"),
        ("GP_RS", "landing rules GP_RS", "record"),
        ("SUS_APCS", "data set SUS_APCS", "fields"),
    ],
)
def test_what_is_assumed_of_a_data_set_is_named_by_rule_and_part(name, rule, part):
    (found,) = (parts for said, parts in of(name).items() if said.startswith(rule))

    assert part in found


def test_what_has_a_source_is_not_called_assumed():
    said = rules_with(withhold={"drop": ["NHS_Number"], "reasons": ["C"], "when": [RESTRICTED]})

    assert list(parts(said)) == []
    assert assumptions(KNOWN.get("DIDS", "1.0"), [rules_with(data_set="DIDS")]) == {}


@pytest.mark.parametrize(
    "source", ["assumed: by the titles", "The days are assumed", "[ASSUMED]", "fitted [assumed]"]
)
def test_a_rule_whose_source_says_so_is_assumed_wherever_it_stands(source):
    restricted = {"withhold": {"drop": ["NHS_Number"], "reasons": ["C"]}}
    restricted["withhold"]["when"] = [RESTRICTED | {"source": source}]
    key = {"key": ["APCS_Ident"], "twice": "replace", "source": source}
    icd = {"icd": {"pattern": "[A-Z]", "source": source, "dated": "2018-04-01"}}
    groups = {"bulk": {"groups": {"010": "episodes"}, "source": source}}
    flag = {"code": "DELETION", "columns": ["Update_Type"], "values": ["1"], "source": source}
    flag |= {"valid_from": "2018-04-01"}
    late = {"code": "LATE", "column": "Admission_Date", "is": "above", "than": "today"}
    late |= {"effect": "warn", "text": "It is later.", "source": source}

    assert list(parts(rules_with(**restricted))) == ["LEGALLY_RESTRICTED"]
    assert list(parts(rules_with(record=key))) == ["record"]
    assert list(parts(rules_with(formats=icd))) == ["icd"]
    assert list(parts(rules_with(protocols=groups))) == ["bulk"]
    assert list(parts(rules_with(adds_nothing=[flag]))) == ["DELETION"]
    assert list(parts(rules_with(validity=[late]))) == ["LATE"]
    assert list(parts(rules_with(sources=[source]), "rules")) == ["rules"]


def test_no_landing_rules_say_assumed_without_being_marked():
    """The text of each file is held against the marks, however deep the word stands."""
    for item in (files("catalogue") / "landing_rules").iterdir():
        text = item.read_text("utf-8") if item.name.endswith(".yaml") else ""
        said = yaml.safe_load(text) or {}
        if "data_set" not in said:
            continue
        read = catalogue.read_rules(text, name=item.name)
        told = str({name: value for name, value in said.items() if name != "includes"}).casefold()
        marked = set(parts(read, read.name)) - {"collection"}

        assert ("assumed" in told) == bool(marked), item.name


def test_a_month_of_a_published_timetable_is_not_assumed(monkeypatch):
    calendar = catalogue.stages().of("SUS_APC", "2018-04")
    dates = {"month": "2018-04", "dates": ["2018-05-20", "2018-06-20"], "source": "a timetable"}
    said = calendar.model_dump(mode="json", by_alias=True) | {"published": [dates]}
    known = {"rule": "stages/2", "calendars": [said]}
    monkeypatch.setattr("catalogue.assuming.stages", lambda: catalogue.Stages.model_validate(known))

    assert "calendar stages/2" not in of("SUS_APC", months=["2018-04"])
    assert of("SUS_APC", months=["2018-04", "2018-05"])["calendar stages/2"] == ("stages",)


def test_a_column_that_is_made_of_an_assumed_one_is_assumed():
    """Guard: `DataSet._is_assumed`."""
    for data_set in KNOWN:
        for made in data_set.derived:
            sources = [data_set.by_name[n] for n in (made.source, made.at) if n is not None]
            expected = made.assumed or any(field.assumed for field in sources)

            assert data_set.releasable(made.name).assumed == expected
    assert any(
        data_set.releasable(made.name).assumed and not made.assumed
        for data_set in KNOWN
        for made in data_set.derived
    )
