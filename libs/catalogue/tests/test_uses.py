"""Rules of use are dated data about data sets that are there."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalogue import Uses, Wanted, absent, absent_columns, load, uses

ROW = {"data_sets": ["GP_RS"], "reason": "so", "source": "here", "valid_from": "2020-04-01"}


def wanted(**changes):
    base = {
        "data_set": "GP_RS",
        "purpose": "COM",
        "identifiable": False,
        "route": "",
        "population": "own",
        "recipients": {"02P": "CCG"},
        "fields": {},
        "linked_with": frozenset(),
    }
    return Wanted(**base | changes)


def test_every_rule_names_data_sets_and_columns_that_are_described():
    assert list(uses().problems_with(load())) == []


def test_a_rule_about_nothing_is_found():
    hidden = ROW | {"purposes": ["COM"], "fields": ["Shoe_Size"]}
    rules = Uses.model_validate(
        {
            "rule": "uses/9",
            "valid_from": "2026-01-01",
            "purposes": [ROW | {"data_sets": ["GP_SR"], "only": ["RS"]}],
            "hidden": [hidden],
        }
    )

    assert list(rules.problems_with(load())) == [
        "there is no data set GP_SR",
        "no data set has Shoe_Size",
    ]


def test_a_rule_holds_from_its_first_to_its_last_day():
    rules = Uses.model_validate(
        {
            "rule": "uses/9",
            "valid_from": "2026-01-01",
            "purposes": [ROW | {"only": ["RS"], "valid_to": "2020-12-31"}],
        }
    )

    def days(*given):
        return [bool(list(rules.misuses(wanted(), date.fromisoformat(day)))) for day in given]

    assert days("2020-03-31", "2020-04-01", "2020-12-31", "2021-01-01") == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_rule_does_not_end_before_it_begins():
    with pytest.raises(ValidationError, match="before valid_from"):
        Uses.model_validate(
            {
                "rule": "uses/9",
                "valid_from": "2026-01-01",
                "purposes": [ROW | {"only": ["RS"], "valid_to": "2020-03-31"}],
            }
        )


def test_identity_without_any_known_recipient_is_nobody_s():
    asked = wanted(
        data_set="CIVIL_DEATHS", identifiable=True, route="other_law", recipients={"X": ""}
    )
    nobody = wanted(data_set="CIVIL_DEATHS", identifiable=True, route="other_law", recipients={})

    for one in (asked, nobody):
        assert [m.breach.value for m in uses().misuses(one, date(2026, 1, 1))] == [
            "IDENTITY_NOT_FOR_RECIPIENT"
        ]
        assert not uses().by_statute(one, date(2026, 1, 1))


def test_a_trust_is_sent_to_its_own_service_and_nobody_else_is():
    asked = wanted(data_set="SHMI", recipients={"RR8": "NHS_TRUST", "02P": "CCG"})

    ((code, row),) = uses().sent_elsewhere(asked, date(2018, 4, 1))
    assert (code, row.service) == ("RR8", "SHMI extract service")
    assert (
        list(uses().sent_elsewhere(wanted(recipients={"RR8": "NHS_TRUST"}), date(2018, 4, 1))) == []
    )


def test_a_line_without_the_mark_of_estimates_is_found():
    def left_out(**fields):
        asked = wanted(data_set="GPW", fields=fields)
        return [name for name, _ in uses().unmarked(asked, date(2018, 4, 1))]

    assert left_out(FTE="") == ["ESTIMATED_FLAG"]
    assert left_out(FTE="", ESTIMATED_FLAG="") == []


def test_what_agreements_name_and_nobody_could_describe_is_listed_with_the_reason():
    named = " ".join(one.title for one in absent())

    for title in (
        *("Assuring Transformation", "Cancer Waiting Times", "e-Referral", "Diabetes"),
        *("Adult Social Care", "Medicines dispensed", "MHMDS", "MHLDDS"),
    ):
        assert title in named
    assert "PROMS" in {data_set.data_set for data_set in load()}  # the columns are public
    described = {data_set.title for data_set in load()}
    assert not described & {one.title for one in absent()}
    assert all(len(one.reason) > 20 and one.looked_for and one.source for one in absent())


def test_a_column_that_is_not_there_is_listed_with_the_reason_and_one_that_is_there_is_not():
    """So that a column which a file comes to have leaves the list."""
    for data_set in load():
        tables = {table.table for table in data_set.tables}
        sent = {name.rpartition(".")[2] for name in data_set.as_sent.by_name}
        made = {one.name.rpartition(".")[2] for one in data_set.as_sent.derived}
        for one in absent_columns(data_set.data_set):
            assert one.table in tables
            assert not {*one.columns} & (sent | made)
            assert len(one.reason) > 20
    named = {name for one in absent_columns("MHSDS") for name in one.columns}
    assert "IMDQuart" in named
    assert absent_columns("DIDS") == ()


def test_every_column_that_the_domain_names_of_sets_of_tables_is_there_or_listed():
    """Section 6.10, whose rows name a table and its columns."""
    text = (Path(__file__).parents[3] / "docs" / "domain" / "6-data-sets.md").read_text("utf-8")
    section = text[text.index('id="6.10"') : text.index('id="6.11"')]
    name, missing, seen = "", set(), 0
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 5:
            continue
        name = (cells[1] or name).partition(" ")[0]
        if name not in {"MHSDS", "MSDS"}:
            continue
        whole = load().get(name)
        there = {n.rpartition(".")[2] for n in (*whole.as_sent.by_name, *whole.releasables)}
        listed = {n for one in absent_columns(name) for n in one.columns}
        words = re.findall(r"[A-Z][A-Za-z0-9_]{3,}", re.sub(r"\(.*?\)", "", cells[3]))
        seen += len(words)
        missing |= {(name, word) for word in words if word not in there | listed}
    assert seen > 60
    assert missing == set()
