"""Tables out of landed editions: counted, protected, attested, and held against earlier ones."""

import csv
from collections import Counter

import pytest
from sqlmodel import Session, select

from common.clock import legal_day
from common.ids import digest_of
from common.security.keys import ATTESTATION, SignedVerifier
from pseudonymisation.db.preparation_tables import ShownTableRow
from pseudonymisation.db.shown import SqlShownTables
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.domain.shown import ShownBefore, Whose
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.landed import day
from statements.attestation import Attestation

PERIODS = {"column": "Period_Month"}
SEX, PROVIDER = {"column": "Sex"}, {"column": "Provider_Code"}


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def records(counts, *, period="2018-04", begin=0):
    """So many records by provider and sex."""
    made = []
    for (provider, sex), count in counts.items():
        for _ in range(count):
            i = begin + len(made)
            made.append(
                {
                    "NHS_Number": "9990000018",
                    "Local_Patient_ID": f"L{i}",
                    "Provider_Code": provider,
                    "Sex": sex,
                    "Admission_Date": day(f"{period}-03"),
                    "Hospital_Spell_No": f"S{i}",
                    "Unique_CDS_Identifier": f"{provider}-{i:06d}",
                    "period": period,
                    "reasons": {"G": "02P"},
                }
            )
    return made


APRIL = {
    ("RH8", "1"): 40, ("RH8", "2"): 3, ("RJE", "1"): 25, ("RJE", "2"): 31, ("R0A", "1"): 22,
    ("R0A", "2"): 57,
}  # fmt: skip


def ask(haven, *dimensions, disclosure="protected", periods=("2018-04",), parameters=None, **more):
    """Have a table made; return its preparation."""
    by_right = disclosure == "exact"
    classification = (
        "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED" if by_right else "AGGREGATE_SUPPRESSED"
    )
    table = {"measure": more.pop("measure", "records"), "dimensions": list(dimensions)}
    if "further_measures" in more:
        table["further_measures"] = more.pop("further_measures")
    linked = {"linked_rules": more.pop("linked_rules")} if "linked_rules" in more else {}
    columns = [
        level.split("__")[0]
        for d in dimensions
        for level in [d["column"], *d.get("within", [])]
        if not level.startswith("Period_")
    ]
    columns = [*dict.fromkeys(columns)]
    request = haven.request(
        classification=classification,
        periods=list(periods),
        fields=columns,
        formats=more.pop("formats", ["csv"]),
        table=table | ({"profile": disclosure} if disclosure == "as_published" else {}),
        **({"filters": more["filters"]} if "filters" in more else {}),
    )
    said = haven.claims(request)
    claims = {
        "line": said["line"] | {"classification": classification},
        "fields": [
            {"name": n, "treatment": "derived" if n.startswith("Der_") else "as_is"}
            for n in columns
        ],
        "periods": list(periods),
        "formats": request["formats"],
        "table": table
        | {"disclosure": disclosure}
        | linked
        | ({} if parameters is None else {"parameters": parameters}),
        **more,
    }
    return haven.prepare(request=request, **claims)


def rows_of(haven, preparation, form="csv"):
    (file,) = [f for f in preparation.files if f.format == form]
    text = (haven.directory / "release" / file.object_key).read_text("utf-8-sig")
    return [line for line in csv.reader(text.splitlines()) if line]


def cells_of(haven, preparation):
    header, *rows = rows_of(haven, preparation)
    width = len(header)
    return {tuple(r[: width - 1]): r[width - 1] for r in rows if len(r) == width}


def attested(haven, preparation):
    verifier = SignedVerifier(ATTESTATION, haven.own.jwks, clock=haven.clock)
    return Attestation.read(verifier.verify(preparation.files[0].attestation))


def test_a_table_is_counted_and_small_numbers_are_hidden(haven):
    haven.land(records(APRIL))

    made = ask(haven, PROVIDER, SEX)
    cells = cells_of(haven, made)

    assert made.state is PreparationState.PREPARED, made.code
    assert cells["RH8", "2"] == "*"
    assert cells["RJE", "2"] == "30"
    assert cells["R0A", "2"] == "55"
    assert cells["RJE", "0"] == "0"
    assert cells["Total", "Total"] == "180"
    raw = Counter()
    for (provider, sex), count in APRIL.items():
        for cell in ((provider, sex), (provider, "Total"), ("Total", sex), ("Total", "Total")):
            raw[cell] += count
    for cell, text in cells.items():
        assert text == "*" or abs(int(text) - raw[cell]) <= 2


def test_what_is_attested_is_the_table_its_rule_and_its_proof(haven):
    haven.land(records(APRIL))

    said = attested(haven, made := ask(haven, PROVIDER, SEX))

    assert [c.name for c in said.columns] == ["Provider_Code", "Sex"]
    assert said.order == "category"
    assert (said.table.rule, said.table.disclosure) == ("HES", "protected")
    assert said.table.certificate.startswith("sha256:")
    assert said.table.hidden["small"] == 1
    assert said.table.cells == made.files[0].rows == len(cells_of(haven, made))
    assert said.scan.hits == 0
    assert said.population.rows_without_reason == 0


def test_exact_numbers_are_given_where_the_permit_says_so(haven):
    haven.land(records(APRIL))

    made = ask(haven, PROVIDER, SEX, disclosure="exact")

    assert cells_of(haven, made)["RH8", "2"] == "3"
    assert attested(haven, made).table.disclosure == "exact"
    assert attested(haven, made).table.certificate == "none"


def test_filters_and_opt_outs_leave_out_of_a_table_what_they_leave_out_of_an_extract(haven):
    people = records(APRIL)
    for at, one in enumerate(people):
        one["NHS_Number"] = "9990000026" if at < 40 else "9990000018"
    haven.land(people)
    haven.opt_out(["9990000026"], on=legal_day(haven.clock.now()))

    women = ask(haven, PROVIDER, filters=[{"column": "Sex", "any_of": ["2"]}])
    upheld = ask(
        haven, PROVIDER, SEX, disclosure="exact", opt_out={"applied": True, "list_age_days_max": 7}
    )

    assert cells_of(haven, women)[("RJE",)] == "30"
    assert ("RH8", "1") not in cells_of(haven, upheld) or (
        cells_of(haven, upheld)["RH8", "1"] == "0"
    )
    assert attested(haven, upheld).opt_out.people_left_out == 1


def test_months_lie_in_quarters_and_financial_years(haven):
    haven.land(records({("RH8", "1"): 20}, period="2018-04"))
    haven.land(records({("RH8", "1"): 30}, period="2018-07", begin=900), period="2018-07")

    made = ask(
        haven,
        {"column": "Period_Month", "within": ["Period_Quarter", "Period_Financial_Year"]},
        periods=["2018-04", "2018-07"],
    )

    assert cells_of(haven, made) == {
        ("Total",): "50",
        ("2018/19",): "50",
        ("2018/19 Q1",): "20",
        ("2018/19 Q2",): "30",
        ("2018-04",): "20",
        ("2018-07",): "30",
    }


def test_the_nhs_number_of_somebody_in_a_code_is_no_category(haven):
    people = records(APRIL)
    people[0]["Provider_Code"] = "9990000042"
    haven.land(people)

    made = ask(haven, PROVIDER)

    assert (made.state, made.code) == (PreparationState.FAILED, "PCD_LEAK")


def test_what_was_shown_is_kept_and_no_hidden_number_is(haven):
    haven.land(records(APRIL))
    ask(haven, PROVIDER, SEX)

    with Session(haven.engine) as session:
        (row,) = session.exec(select(ShownTableRow)).all()

    hidden = [cell for cell in row.told["cells"] if cell[-1]]
    assert hidden
    assert all(high - low >= 2 for *_, low, high, _ in hidden)
    assert not any(low == high == 3 for *_, low, high, _ in row.told["cells"])


THREE = {("RH8", "1"): 7, ("RJE", "1"): 22, ("R0A", "1"): 21}
"""By itself `* 20 20 / 50` leaves 4 to 7 for the first; beside an exact 50 only 6 and 7."""


def possible(exact, cells):
    """Values of RH8 that fit an exact total and all that is printed, by brute force."""
    total = int(exact[("Total",)])

    def fits(provider, count):
        text = cells[(provider,)]
        if text == "*":
            return provider != "RH8" or 1 <= count <= 7
        return count > 7 and abs(int(text) - count) <= 2

    return {
        rh8
        for rh8 in range(total + 1)
        for rje in range(total + 1 - rh8)
        if fits("RH8", rh8) and fits("RJE", rje) and fits("R0A", total - rh8 - rje)
    }


def test_a_second_table_does_not_reveal_beside_the_first(haven):
    haven.land(records(THREE))
    exact = ask(haven, SEX, disclosure="exact")

    shown = ask(haven, PROVIDER)

    assert shown.state is PreparationState.PREPARED, (shown.code, shown.subject)
    assert attested(haven, shown).table.earlier == (exact.permit.extract_id,)
    assert len(possible(cells_of(haven, exact), cells_of(haven, shown))) >= 3


def test_without_the_store_of_what_was_shown_it_would(haven, monkeypatch):
    """The guard is taken out, so that the test above is known to be able to fail."""
    haven.land(records(THREE))
    exact = ask(haven, SEX, disclosure="exact")
    monkeypatch.setattr(Whose, "meets", lambda self, other: False)

    shown = ask(haven, PROVIDER)

    assert len(possible(cells_of(haven, exact), cells_of(haven, shown))) < 3


def test_another_recipient_knows_nothing_of_it(haven):
    haven.land(records(THREE))
    ask(haven, PROVIDER)
    domain = {
        "controllers": ["02P"], "agreement": "DARS-NIC-123456-A1B2C", "purpose": "COM",
        "environment": "environment-2", "opt_out": "not_applied", "data_sets": ["SUS_APC"],
    }  # fmt: skip

    other = ask(haven, SEX, domain={"id": digest_of(domain), **domain})

    assert attested(haven, other).table.earlier == ()


def test_a_table_that_was_made_meanwhile_is_held_against_too(haven, monkeypatch):
    """Two workers at once: whoever is second makes its table anew."""
    haven.land(records(THREE))
    known, before = [], SqlShownTables.before

    def behind(self, permit):
        known.append(before(self, permit))
        return ShownBefore() if len(known) == 2 else known[-1]

    first = ask(haven, PROVIDER)
    known.append(
        None
    )  # the first question of the second table is answered as if nothing were there
    monkeypatch.setattr(SqlShownTables, "before", behind)

    second = ask(haven, SEX)

    assert second.state is PreparationState.PREPARED
    assert attested(haven, second).table.earlier == (first.permit.extract_id,)


def test_the_same_table_again_shows_the_same_numbers(haven):
    haven.land(records(APRIL))

    first, second = ask(haven, PROVIDER, SEX), ask(haven, PROVIDER, SEX)

    shown, again = cells_of(haven, first), cells_of(haven, second)
    assert all(again[cell] == "*" for cell, text in shown.items() if text == "*")


def test_a_table_of_another_month_is_not_held_against(haven):
    haven.land(records(APRIL))
    haven.land(records(APRIL, period="2018-05", begin=5000), period="2018-05")
    ask(haven, PROVIDER, SEX)

    made = ask(haven, PROVIDER, SEX, periods=["2018-05"])

    assert attested(haven, made).table.earlier == ()


def test_months_that_cumulate_are_held_against_one_another(haven):
    haven.land(records(APRIL))
    haven.land(records({("RH8", "1"): 3}, period="2018-05", begin=5000), period="2018-05")
    first = ask(haven, PROVIDER)

    both = ask(haven, PROVIDER, periods=["2018-04", "2018-05"])

    assert both.state is PreparationState.PREPARED, (both.code, both.subject)
    assert attested(haven, both).table.earlier == (first.permit.extract_id,)
    assert cells_of(haven, both)[("Total",)] in {"180", "185", "*"}


UNITS = {("RH8", "1"): 7, ("RJE", "1"): 97}
"""By the rule alone `* 95`, and an exact total that tells the 7 (domain.md 7.8, row 5)."""


def whole_nation(haven):
    maps = haven.claims(haven.request())["population"]["map_versions"]
    return {"rule": "national", "codes": [], "reasons": [], "map_versions": maps}


def test_as_published_a_table_is_by_the_rule_alone_and_says_what_can_be_worked_out(haven):
    haven.land(records(UNITS))

    made = ask(haven, PROVIDER, disclosure="as_published", population=whole_nation(haven))

    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    assert cells_of(haven, made) == {("Total",): "104", ("RH8",): "*", ("RJE",): "95"}
    said = attested(haven, made).table
    assert (said.disclosure, said.recovered, said.certificate) == ("as_published", 1, "none")
    assert "As published: 1 hidden cells can be worked out from others." in said.footnotes


def test_protected_the_same_table_tells_it_to_nobody(haven):
    haven.land(records(UNITS))

    made = ask(haven, PROVIDER, population=whole_nation(haven))

    assert cells_of(haven, made) == {("Total",): "105", ("RH8",): "*", ("RJE",): "*"}
    assert attested(haven, made).table.recovered == 0


def test_a_table_with_too_many_cells_is_refused(haven, monkeypatch):
    monkeypatch.setattr(
        "pseudonymisation.preparations.adapters.tables.counting.CATEGORIES_MAX", 3, raising=True
    )
    haven.land(records(APRIL))

    made = ask(haven, PROVIDER, SEX)

    assert (made.state, made.code) == (PreparationState.FAILED, "TABLE_TOO_LARGE")
