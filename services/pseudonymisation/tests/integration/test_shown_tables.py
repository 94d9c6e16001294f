"""What was shown before is part of the attack: other months, commissioners, practices, ages."""

import pytest
from sqlmodel import Session

from common.ids import digest_of
from pseudonymisation.db.shown import SqlShownTables
from pseudonymisation.db.tables import EditionRow
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_tables import (
    PERIODS,
    PROVIDER,
    SEX,
    THREE,
    ask,
    attested,
    cells_of,
    possible,
    records,
)


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def of(*codes, reasons=("G", "H", "R", "C")):
    """People of these commissioners."""
    maps = {"practice": [], "postcode": []}
    return {"rule": "list", "codes": [*codes], "reasons": [*reasons], "map_versions": maps}


def commissioned_by(code, counts, *, begin, **more):
    return [one | {"reasons": {"G": code}} for one in records(counts, begin=begin, **more)]


def is_told_of(haven, made, *earlier):
    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    assert attested(haven, made).table.earlier == tuple(one.permit.extract_id for one in earlier)


OTHERS = {("RH8", "1"): 12, ("RJE", "1"): 18}


def two_commissioners(haven):
    """An exact number of both, and one of the other: the first has just 50 by their difference."""
    haven.land(records(THREE) + commissioned_by("03N", OTHERS, begin=900))
    both = ask(haven, SEX, disclosure="exact", population=of("02P", "03N"))
    other = ask(haven, SEX, disclosure="exact", population=of("03N"))
    return both, other


def test_two_commissioners_less_the_other_are_one(haven):
    both, other = two_commissioners(haven)
    assert cells_of(haven, both)[("Total",)] == "80"
    assert cells_of(haven, other)[("Total",)] == "30"

    shown = ask(haven, PROVIDER, population=of("02P"))

    is_told_of(haven, shown, both, other)
    exact = {("Total",): "50"}
    assert len(possible(exact, cells_of(haven, shown))) >= 3


def test_by_people_of_the_same_commissioners_alone_it_would_be_told(haven, monkeypatch):
    """The guard is taken out: tables of others are not read."""
    two_commissioners(haven)
    monkeypatch.setattr(
        "pseudonymisation.preparations.domain.shown.Whose.meets", lambda self, other: self == other
    )

    shown = ask(haven, PROVIDER, population=of("02P"))

    is_told_of(haven, shown)
    assert len(possible({("Total",): "50"}, cells_of(haven, shown))) < 3


def test_numbers_of_a_table_beside_others_are_of_its_own_people_alone(haven):
    two_commissioners(haven)

    shown = ask(haven, PROVIDER, population=of("02P"))

    told = {cell: text for cell, text in cells_of(haven, shown).items() if text != "*"}
    raw = {("RH8",): 7, ("RJE",): 22, ("R0A",): 21, ("Total",): 50}
    assert told
    assert all(abs(int(text) - raw[cell]) <= 2 for cell, text in told.items())
    assert attested(haven, shown).population.codes == ("02P",)


def test_commissioners_that_no_table_joins_are_not_held_against_one_another(haven):
    haven.land(records(THREE) + commissioned_by("03N", OTHERS, begin=900))
    ask(haven, PROVIDER, population=of("03N"))

    shown = ask(haven, PROVIDER, population=of("02P"))

    is_told_of(haven, shown)


def test_a_quarter_less_two_months_is_the_third(haven):
    """Its exact total follows from two tables, of which one has none of its records."""
    haven.land(records(THREE))
    haven.land(records({("RJE", "1"): 40}, period="2018-05", begin=900), period="2018-05")
    both = ask(haven, SEX, disclosure="exact", periods=("2018-04", "2018-05"))
    may = ask(haven, SEX, disclosure="exact", periods=("2018-05",))

    april = ask(haven, PROVIDER)

    is_told_of(haven, april, both, may)
    assert len(possible({("Total",): "50"}, cells_of(haven, april))) >= 3


def test_a_provider_less_is_that_provider(haven):
    """domain.md 7.8, row 13: the same people less those of one provider, in two tables."""
    haven.land(records({("RH8", "1"): 9, ("RJE", "1"): 3, ("R0A", "1"): 22, ("R0A", "2"): 30}))
    whole = ask(haven, SEX)

    less = ask(haven, SEX, filters=[{"column": "Provider_Code", "any_of": ["RH8", "R0A"]}])

    is_told_of(haven, less, whole)
    assert len(left(cells_of(haven, whole), cells_of(haven, less))) >= 3


def left(whole, less):
    """Say how many men of 1 to 7 may be in the one and not in the other, by brute force."""
    return {
        difference
        for difference in range(1, 8)
        for rest in range(200)
        if fits(whole["1",], rest + difference) and fits(less["1",], rest)
    }


def fits(text, count):
    return 1 <= count <= 7 if text == "*" else abs(int(text) - count) <= 2


def test_a_band_of_ages_less_is_that_band(haven):
    people = records({("RH8", "1"): 43, ("RH8", "2"): 30})
    for at, one in enumerate(people):
        one["Der_Age_Band"] = "40-44" if at < 3 else "45-49"
    haven.land(people)
    bands = {"column": "Der_Age_Band"}
    whole = ask(haven, SEX, filters=[bands | {"any_of": ["40-44", "45-49"]}])

    less = ask(haven, SEX, filters=[bands | {"any_of": ["45-49"]}])

    is_told_of(haven, less, whole)
    assert len(left(cells_of(haven, whole), cells_of(haven, less))) >= 3


def test_bands_of_ages_that_are_told_after_their_sum_do_not_tell_one_another(haven):
    people = records(THREE)
    for at, one in enumerate(people):
        one["Der_Age_Band"] = "40-44" if at < 7 else "45-49" if at < 29 else "50-54"
    haven.land(people)
    exact = ask(haven, SEX, disclosure="exact")

    bands = ask(haven, {"column": "Der_Age_Band"})

    is_told_of(haven, bands, exact)
    named = {"40-44": "RH8", "45-49": "RJE", "50-54": "R0A", "Total": "Total"}
    cells = {(named[cell],): text for (cell,), text in cells_of(haven, bands).items()}
    assert len(possible({("Total",): "50"}, cells)) >= 3


def elsewhere(environment):
    domain = {
        "controllers": ["02P"], "agreement": "DARS-NIC-123456-A1B2C", "purpose": "COM",
        "environment": environment, "opt_out": "not_applied", "data_sets": ["SUS_APC"],
    }  # fmt: skip
    return {"domain": {"id": digest_of(domain), **domain}}


def test_a_table_that_equals_the_publication_is_known_to_everybody(haven):
    haven.land(records(THREE))
    public = ask(haven, SEX, disclosure="as_published", **elsewhere("environment-2"))
    mine = ask(haven, SEX, disclosure="protected")

    other = ask(haven, PROVIDER, **elsewhere("environment-3"))

    is_told_of(haven, mine, public)
    is_told_of(haven, other, public)


def test_a_table_that_became_public_meanwhile_is_held_against_too(haven, monkeypatch):
    """Between the question what there is and the answer that is kept, somebody else's came."""
    haven.land(records(THREE))
    before, published = SqlShownTables.before, []

    def overtaken(self, permit):
        known = before(self, permit)
        if not published:
            published.append(None)
            published[0] = ask(haven, SEX, disclosure="as_published", **elsewhere("environment-2"))
        return known

    monkeypatch.setattr(SqlShownTables, "before", overtaken)
    shown = ask(haven, PROVIDER)

    is_told_of(haven, shown, published[0])


def test_nobody_of_what_is_asked_for_is_a_table_of_noughts(haven):
    """What is asked for has no records, and an earlier table has: no worker ends by it."""
    haven.land(records(THREE))
    first = ask(haven, SEX)

    none = ask(haven, SEX, filters=[{"column": "Provider_Code", "any_of": ["RXX"]}])

    is_told_of(haven, none, first)
    assert set(cells_of(haven, none).values()) == {"0"}


def test_a_month_of_which_the_edition_was_replaced_bounds_what_is_left(haven):
    """Raw numbers of the earlier table cannot be made again: its shown ones bound the rest."""
    haven.land(records(THREE))
    may = haven.land(records({("RJE", "1"): 40}, period="2018-05", begin=900), period="2018-05")
    both = ask(haven, PERIODS, disclosure="exact", periods=("2018-04", "2018-05"))
    with Session(haven.engine) as session:
        session.get(EditionRow, may).status = "superseded"
        session.commit()
    haven.land(records({("RJE", "1"): 41}, period="2018-05", begin=900), period="2018-05")

    april = ask(haven, PROVIDER)

    is_told_of(haven, april, both)
    assert len(possible({("Total",): "50"}, cells_of(haven, april))) >= 3
