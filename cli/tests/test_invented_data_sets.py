"""Data sets without a line of code for them: invented, made, landed, prepared, compared."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalogue import Catalogue, read
from cli.tests.test_every_data_set import Place, goes_through, place

__all__ = ["place"]

HEADERS = ("Time in A&E (mins)", "Sex (M/F)", "Cost, £", "Re-attendance?", 'The "other" site')
ODD = st.sampled_from(HEADERS)
MARKS = "ABCDEFGHJK"


def column(**said: Any) -> Mapping[str, Any]:
    return {"class": "CLIN", "treatments": ["as_is"], **said}


@st.composite
def numbers(draw: st.DrawFn) -> Mapping[str, Any]:
    low = draw(st.integers(-5, 50))
    high = low + draw(st.integers(1, 500))
    said = {"type": draw(st.sampled_from(["integer", "decimal"])), "minimum": low, "maximum": high}
    if draw(st.booleans()):
        said["cap"] = draw(st.integers(low, high))
    return column(**said)


@st.composite
def codes(draw: st.DrawFn) -> Mapping[str, Any]:
    listed = draw(st.lists(st.sampled_from(MARKS), min_size=2, max_size=6, unique=True))
    labels = {code: f"Meaning of {code}" for code in listed}
    said: dict[str, Any] = {"codes": draw(st.sampled_from([listed, labels]))}
    if draw(st.booleans()):
        said["separator"] = draw(st.sampled_from([";", "|", "^"]))
    return column(**said)


@st.composite
def texts(draw: st.DrawFn) -> Mapping[str, Any]:
    pattern = draw(st.sampled_from(["[A-Z][0-9]{2}", "[A-Z]{2}-[0-9]{3}", "[0-9]{3}[A-Z]?"]))
    return column(pattern=pattern, normal=draw(st.sampled_from([[], ["upper"]])))


def dates() -> st.SearchStrategy[Mapping[str, Any]]:
    return st.sampled_from(["as_is", "month", "year"]).map(
        lambda form: column(type="date", treatments=[form], **{"class": "QI"})
    )


def moments() -> st.SearchStrategy[Mapping[str, Any]]:
    return st.sampled_from(["time", "datetime"]).map(lambda kind: column(type=kind, treatments=[]))


PLAIN = st.one_of(numbers(), codes(), texts(), dates(), moments())


@st.composite
def data_sets(draw: st.DrawFn) -> Mapping[str, Any]:
    """A data set file: about patients by a number or by a local identifier, or about nobody."""
    drawn = [dict(one) for one in draw(st.lists(PLAIN, min_size=1, max_size=6))]
    fields = [{"name": f"C{n}", **one} for n, one in enumerate(drawn)]
    fields[0]["header"] = draw(ODD)
    day = {"name": "DAY", "class": "QI", "type": "date", "mandatory": True, "treatments": ["month"]}
    always = {"name": "KIND", "mandatory": True, **column(codes=["A", "B", "C"])}
    whom, fields_of, population = draw(st.sampled_from(WHOM))
    place_of_day = draw(st.integers(0, len(fields)))
    fields[place_of_day:place_of_day] = [day, always, *fields_of]
    return {
        "data_set": "INVENTED",
        "version": "1.0",
        "title": "Invented on the spot",
        "description": "One record a thing.",
        "source": "nobody",
        "valid_from": "2018-04-01",
        "grain": "thing",
        "subjects": "patients" if whom else "nobody",
        "sensitivity": "NON_SENSITIVE",
        "periods": {"unit": "month", "from": "2018-04", "field": "DAY"},
        "refresh": "replaced",
        "publication_gate": False,
        "disclosure_rule": "HES",
        "file": {"delimiter": ","},
        "person": whom,
        "population": population,
        "fields": fields,
        "derived": [*_derived(draw, fields)],
    }


NUMBER = {"name": "NUM", "class": "DI", "identifier": "nhs_number", "check": "nhs_number"}
BORN = {"name": "BORN", "class": "DI", "identifier": "date_of_birth", "type": "date"}
HOME = {"name": "HOME", "class": "DI", "identifier": "postcode", "check": "postcode"}
LOCAL = {
    "name": "LOCAL",
    "class": "LI",
    "identifier": "local_patient",
    "mandatory": True,
    "treatments": ["pseudonym"],
}
WHOM: tuple[tuple[dict[str, str], list[dict[str, Any]], dict[str, Any]], ...] = (
    ({}, [], {}),
    ({"local_id": "LOCAL"}, [LOCAL], {}),
    (
        {"nhs_number": "NUM", "date_of_birth": "BORN", "postcode": "HOME"},
        [NUMBER, BORN, HOME],
        {"H": {"source": "postcode", "field": "HOME"}},
    ),
)
FORMS = {
    "time": ["hour", "band"],
    "datetime": ["date", "hour", "weekday"],
    "date": ["weekday", "month", "financial_year"],
    "integer": ["band"],
}
TYPE_OF = {"hour": "integer", "weekday": "integer", "date": "date"}


def _derived(draw: st.DrawFn, fields: list[dict[str, Any]]) -> Any:
    for field in fields:
        if field["name"] == "BORN":
            made = {"derivation": "age_band", "from": "BORN", "at": "DAY"}
            yield {"name": "AGE", **made}
        elif field["name"] == "HOME":
            yield {"name": "SECTOR", "derivation": "postcode_sector", "from": "HOME"}
        elif (forms := FORMS.get(field.get("type", ""))) and draw(st.booleans()):
            form = draw(st.sampled_from(forms))
            made = {"name": f"{field['name']}_MADE", "derivation": form, "from": field["name"]}
            if form == "band":
                low = field.get("minimum", 0)
                made["edges"] = [low + 1, min(low + 6, 23 if "minimum" not in field else low + 6)]
                if "cap" in field or "maximum" in field:
                    top = min(field.get("cap", field["maximum"]), field["maximum"])
                    made["edges"] = sorted({min(low + 1, top), top})
            yield made | {"type": TYPE_OF.get(form, "text")}


def goes(place: Place, said: Mapping[str, Any]) -> None:
    invented = read(yaml.safe_dump(dict(said), sort_keys=False), name="INVENTED-1.0.yaml")
    goes_through(place, Catalogue((invented,)), "INVENTED")


MANY = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(MANY, max_examples=4)
@given(said=data_sets())
def test_a_data_set_invented_on_the_spot_goes_from_a_file_to_an_extract(place, said):
    goes(place, said)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(MANY)
@given(said=data_sets())
def test_many_data_sets_invented_on_the_spot_go_from_a_file_to_an_extract(place, said):
    goes(place, said)
