"""Tables in requests, permits and attestations: equal bytes, and no permit for both kinds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

import catalogue
from common.ids import canonical
from statements.attestation import Attestation
from statements.form import Malformed
from statements.parameters import RuleParameters
from statements.permit import Permit, PermittedField
from statements.request import ExtractRequest, Wanted
from statements.tables import (
    AttestedTable,
    PermittedTable,
    TableDimension,
    TableRequest,
    columns_of,
)
from statements.tabulation import WantedTabulation

GOLDEN = Path(__file__).parent / "golden"
TABLE = TableRequest(
    measure="records",
    dimensions=(
        TableDimension(column="Sex"),
        TableDimension(column="Period_Month", within=("Period_Quarter",)),
    ),
)
REQUEST = ExtractRequest(
    extract_id="0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10",
    agreement="DARS-NIC-123456-A1B2C",
    purpose="COM",
    data_set="SUS_APC",
    classification="AGGREGATE_SUPPRESSED",
    periods=("2018-04",),
    fields=("Sex",),
    formats=("csv",),
    table=TABLE,
)
WANTED = {
    "agreement": "DARS-NIC-123456-A1B2C",
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "AGGREGATE_SUPPRESSED",
    "periods": ["2018-04"],
    "dimensions": [{"column": "Sex"}],
}


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))["canonical"]


def permit_of_records():
    return Permit.read(json.loads(golden("permit")))


def permit_for_a_table():
    said = permit_of_records()
    return replace(
        said,
        line=replace(said.line, classification="AGGREGATE_SUPPRESSED"),
        fields=(PermittedField(name="Sex", treatment="as_is"),),
        table=PermittedTable(
            measure="records", dimensions=TABLE.dimensions, disclosure="protected"
        ),
    )


def test_a_request_for_a_table_has_these_bytes():
    assert canonical(REQUEST.claims()).decode() == (
        '{"agreement":"DARS-NIC-123456-A1B2C","classification":"AGGREGATE_SUPPRESSED",'
        '"data_set":"SUS_APC","extract_id":"0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10",'
        '"fields":["Sex"],"formats":["csv"],"periods":["2018-04"],"purpose":"COM",'
        '"table":{"dimensions":[{"column":"Sex"},{"column":"Period_Month",'
        '"within":["Period_Quarter"]}],"measure":"records"}}'
    )
    assert ExtractRequest.read(REQUEST.claims()) == REQUEST


def test_what_is_asked_for_or_set_besides_is_written_only_where_it_is():
    asked = replace(TABLE, profile="as_published")
    rule = RuleParameters(suppress_min=1, suppress_max=4, round_base=5, fte_base="0.5")
    permitted = replace(
        permit_for_a_table(), table=replace(permit_for_a_table().table, parameters=rule)
    )

    assert replace(REQUEST, table=asked).claims()["table"]["profile"] == "as_published"
    assert permitted.claims()["table"]["parameters"] == {
        "suppress_min": 1, "suppress_max": 4, "round_base": 5, "fte_base": "0.5",
    }  # fmt: skip
    assert Permit.read(permitted.claims()) == permitted
    assert "parameters" not in permit_for_a_table().claims()["table"]


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        ({"suppress_min": 5}, "suppress_min"),
        ({"round_base": 11}, "round_base"),
        ({"measures": ("fte", "fte")}, "measures"),
        ({"fte_base": "0"}, "fte_base"),
    ],
)
def test_parameters_by_which_nothing_is_protected_are_named(wrong, member):
    rule = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}

    assert [*RuleParameters(**rule).problems()] == []
    assert [*RuleParameters(**rule | wrong).problems()] == [member]


def test_columns_are_those_of_all_levels_but_the_periods():
    area = TableDimension(column="LSOA", within=("MSOA",))

    assert columns_of((area, *TABLE.dimensions)) == ("LSOA", "MSOA", "Sex")


def test_what_crosses_to_agreements_is_the_same_table():
    wanted = Wanted.model_validate(REQUEST, from_attributes=True)

    assert wanted.table.said == TABLE


@pytest.mark.parametrize("fields", [(), ("Sex", "Age"), ("Age",)])
def test_a_question_whose_fields_are_not_those_of_its_table_is_refused(fields):
    with pytest.raises(ValidationError):
        Wanted.model_validate(replace(REQUEST, fields=fields), from_attributes=True)


def test_a_permit_for_a_table_is_read_as_it_was_written():
    said = permit_for_a_table()

    assert Permit.read(said.claims()) == said
    assert list(said.contradictions()) == []


def test_a_permit_is_for_a_table_or_for_records():
    table, records = permit_for_a_table(), permit_of_records()

    assert list(replace(table, line=records.line).contradictions()) == ["table"]
    assert list(replace(records, line=table.line).contradictions()) == ["table"]
    assert list(replace(table, table=None).contradictions()) == ["table"]


@pytest.mark.parametrize(
    "dimensions",
    [
        (TableDimension(column="Age"),),
        (TableDimension(column="Sex"), TableDimension(column="Sex")),
        (TableDimension(column="Sex", within=("Age",)),),
    ],
)
def test_a_permit_whose_fields_are_not_those_of_its_table_contradicts_itself(dimensions):
    said = permit_for_a_table()

    assert (
        "table" in replace(said, table=replace(said.table, dimensions=dimensions)).contradictions()
    )


def test_a_permit_with_another_way_of_showing_is_malformed():
    claims = permit_for_a_table().claims()
    claims["table"]["disclosure"] = "as_you_like"

    with pytest.raises(Malformed):
        Permit.read(claims)


def test_an_attestation_of_a_table_is_read_as_it_was_written():
    made = Attestation.read(json.loads(golden("attestation")))
    told = replace(
        made,
        table=AttestedTable(
            measure="records",
            dimensions=TABLE.dimensions,
            disclosure="protected",
            rule="HES",
            rule_version=1,
            certificate="sha256:" + "0" * 64,
            cells=12,
            hidden={"small": 2},
        ),
    )

    assert Attestation.read(told.claims()) == told
    assert "table" not in made.claims()


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimensions": []},
        {"dimensions": [{"column": "Sex"}, {"column": "Sex"}]},
        {"dimensions": [{"column": "Sex", "within": ["Sex"]}]},
        {"classification": "PSEUDO_ANONYMISED"},
        {"formats": ["csv", "csv"]},
        {"fields": ["Sex"]},
        {"measure": "Records; --"},
    ],
)
def test_a_body_that_is_no_table_is_refused(wrong):
    with pytest.raises(ValidationError):
        WantedTabulation.model_validate(WANTED | wrong)


def test_a_body_needs_no_more_than_a_line_months_and_dimensions():
    wanted = WantedTabulation.model_validate(WANTED)

    assert (wanted.measure, wanted.months_in(catalogue.load())) == ("records", ("2018-04",))
    assert wanted.table.said.dimensions == (TableDimension(column="Sex"),)


@pytest.mark.parametrize("form", ["xlsx", "json", "html"])
def test_no_permit_and_no_question_is_for_records_written_as_a_table_is(form):
    table, records = permit_for_a_table(), permit_of_records()
    of_records = replace(REQUEST, classification="PSEUDO_ANONYMISED", formats=(form,), table=None)

    assert list(replace(table, formats=(form,)).contradictions()) == []
    assert list(replace(records, formats=(form,)).contradictions()) == ["formats"]
    assert Wanted.model_validate(replace(REQUEST, formats=(form,)), from_attributes=True)
    with pytest.raises(ValidationError, match="formats"):
        Wanted.model_validate(of_records, from_attributes=True)
