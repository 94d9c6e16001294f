"""Codes of organisations are read by the map of the day, and never by cutting text."""

from dataclasses import replace

import duckdb
import pytest

from pseudonymisation.engine.session import identifier
from pseudonymisation.intake.adapters.landing import organisations
from pseudonymisation.intake.adapters.landing.organisations import Organisations
from pseudonymisation.intake.domain.right import (
    Basis,
    OrganisationStatus,
    ProviderStanding,
    permitted_providers,
)

MAP = """code,entity,meaning,standing
02P,02P,,open
02P00,02P,,open
13Q,X24,,open
89997,,provider_outside_uk,
R0A,R0A,,open
RR8,RR8,,open
RR800,RR8,,open
RR801,RR8,,closed
VPP00,,private_or_overseas_liable,
Y00500,Y00500,,open
"""


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "map.csv").write_text(MAP)
    with duckdb.connect(":memory:") as connection:
        yield connection, tmp_path / "map.csv"


@pytest.mark.parametrize(
    ("code", "entity", "is_foreign"),
    [
        ("RR8", "RR8", False),
        ("RR800", "RR8", False),
        ("RR801", "RR8", False),
        ("8J094", "8J094", False),
        ("89997", None, False),
        ("R0A", "R0A", True),
        ("RR8XX", "RR8XX", True),
        ("Y00500", "Y00500", True),
        (None, None, None),
    ],
)
def test_a_row_is_of_a_provider_for_whom_there_is_a_right_or_is_foreign(
    engine, code, entity, is_foreign
):
    connection, path = engine
    read = Organisations.load(connection, path, frozenset({"RR8", "8J094"}))
    found = connection.execute(
        f"SELECT {read.provider('p')}, {read.is_foreign('p')} FROM (SELECT ?::VARCHAR AS p)", [code]
    ).fetchone()

    assert found == (entity, is_foreign)


@pytest.mark.parametrize(
    ("code", "is_anothers"),
    [("RR8", False), ("RR801", False), ("R0A", True), ("RR8XX", False), ("89997", False)],
)
def test_a_site_is_anothers_only_where_the_map_says_whose_it_is(engine, code, is_anothers):
    connection, path = engine
    read = Organisations.load(connection, path, frozenset({"RR8", "8J094"}))
    found = connection.execute(
        f"SELECT {read.is_anothers_site('p')} FROM (SELECT ?::VARCHAR AS p)", [code]
    ).fetchone()

    assert found == (is_anothers,)


@pytest.mark.parametrize(
    ("code", "entity"),
    [
        ("02P", "02P"),
        ("02P00", "02P"),
        ("13Q", "X24"),
        ("Y00500", "Y00500"),
        ("VPP00", None),
        ("99A00", "99A00"),
        (None, None),
    ],
)
def test_a_commissioner_is_its_entity_and_a_default_code_is_none(engine, code, entity):
    connection, path = engine
    Organisations.load(connection, path, frozenset({"RR8"}))
    found = connection.execute(
        f"SELECT {organisations.entity('c')} FROM (SELECT ?::VARCHAR AS c) AS r"
        f" {organisations.join('c')}",
        [code],
    ).fetchone()

    assert found == (entity,)


def test_default_codes_are_counted_by_what_they_mean(engine):
    connection, path = engine
    Organisations.load(connection, path, frozenset({"RR8"}))
    rows = "(SELECT unnest(['VPP00', 'VPP00', '02P', NULL]) AS c, '89997' AS d)"

    assert organisations.counted(connection, ["c", "d"], rows) == {
        ("c", "private_or_overseas_liable"): 2,
        ("d", "provider_outside_uk"): 4,
    }


def test_default_codes_are_counted_whatever_their_columns_are_called(engine):
    """Those of the map and of the statement itself among them, and one that is named twice."""
    connection, path = engine
    Organisations.load(connection, path, frozenset({"RR8"}))
    names = ["code", "meaning", "found", "name", "times", 'of "it"', "code"]
    columns = ", ".join(f"'VPP00' AS {identifier(n)}" for n in dict.fromkeys(names))

    found = organisations.counted(connection, names, f"(SELECT {columns} FROM range(3))")

    assert found == {(n, "private_or_overseas_liable"): 3 for n in names}
    assert organisations.counted(connection, [], f"(SELECT {columns})") == {}


@pytest.mark.parametrize("standing", ["closed", "unknown"])
def test_no_rows_are_taken_of_a_provider_that_is_not_open_whatever_the_right(standing):
    """Guard: `OPEN` in `permitted_providers`."""
    own = ProviderStanding("RR8", "RR8", OrganisationStatus.OPEN, Basis.OWN)
    other = ProviderStanding("R0A", "R0A", OrganisationStatus(standing), Basis.RIGHT)

    assert permitted_providers(own, [own, other]) == {"RR8"}
    assert permitted_providers(own, [replace(other, standing=OrganisationStatus.OPEN)]) == {
        "RR8",
        "R0A",
    }
