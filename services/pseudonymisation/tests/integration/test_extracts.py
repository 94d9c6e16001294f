"""Extracts out of landed editions, against the row-by-row oracle of `landed`, beside this."""

import csv
import hashlib
import os
import re
from collections import Counter, defaultdict
from dataclasses import replace

import duckdb
import pandas as pd
import pytest

import catalogue
from catalogue import Treatment
from pseudonymisation.engine import scan
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.session import EngineLimits
from pseudonymisation.intake.adapters.landing.layout import left_out
from pseudonymisation.preparations.adapters import preparation, selection
from pseudonymisation.preparations.adapters.caps import capped_columns
from pseudonymisation.preparations.adapters.plan import ExtractColumn, ExtractKeys, Plan, Source
from pseudonymisation.preparations.domain.errors import PcdLeak
from services.pseudonymisation.tests.landed import (
    LIMITS,
    Asked,
    Haven,
    day,
    expected,
    is_nhs_number,
    land,
    list_of,
)

SUS = catalogue.load().get("SUS_APC")
NUMBERS = [
    "9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069",
    "9990000077", "9990000085", "9990000093", "9990000107", "9993395633", "9999939082",
]  # fmt: skip
WITHOUT_NUMBER = ["9990000019", None, "0000000000", "9999999999", ""]
FIELDS = {
    "Sex": "as_is",
    "Admission_Date": "month",
    "Discharge_Date": "year",
    "CDS_Activity_Date": "as_is",
    "Hospital_Spell_No": "pseudonym",
    "Unique_CDS_Identifier": "pseudonym",
    "Consultant_Code": "pseudonym",
    "Der_Diagnosis_All": "as_is",
    "Der_Spell_LoS": "as_is",
    "Tariff_Total_Payment": "as_is",
    "Der_Age_Band": "derived",
    "Year_of_Birth_SUS": "derived",
    "Postcode_Default": "derived",
}
COMMISSIONERS = ["02P", "00L", "99E", "26A", None]
"""26A stands for a predecessor of 02P; None belongs to nobody."""


def record(i, number=None, **more):
    local = f"L{i % 9:05d}"
    made = {
        "NHS_Number": number,
        "Local_Patient_ID": local,
        "Date_of_Birth": f"19{50 + i % 40}-0{1 + i % 9}-1{i % 10}",
        "Postcode": f"AB{1 + i % 9} {i % 10}CD",
        "Provider_Code": ["RH8", "RJE", "R0A"][i % 3],
        "Sex": "0129"[i % 4],
        "Admission_Date": day(f"2018-0{4 + i % 3}-0{1 + i % 9}"),
        "Discharge_Date": None if i % 7 == 0 else day("2018-12-31"),
        "CDS_Activity_Date": day(f"2018-0{4 + i % 3}-0{1 + i % 9}"),
        "Hospital_Spell_No": f"SPELL{i % 23}",
        "Unique_CDS_Identifier": f"RH8-{i:08d}-and-longer-than-a-block",
        "Consultant_Code": None if i % 11 == 0 else f"C{i % 5:07d}",
        "Der_Diagnosis_All": None if i % 13 == 0 else f"I10 E11{i % 10}, J4{i % 10}",
        "Der_Spell_LoS": i % 30,
        "Tariff_Total_Payment": i / 4,
        "Der_Age_Band": f"{5 * (i % 18)}-{5 * (i % 18) + 4}",
        "Year_of_Birth_SUS": 1950 + i % 40,
        "Postcode_Default": i % 10 == 0,
        "period": f"2018-0{4 + i % 3}",
        "reasons": {
            letter: code
            for at, letter in enumerate("SPGHRC")
            if (code := COMMISSIONERS[(i * (at + 2) + i // 7) % 5]) is not None
        },
    }
    return made | more


def records(count):
    people = [*NUMBERS, *WITHOUT_NUMBER]
    return [record(i, people[(i * 7 + i // 17) % len(people)]) for i in range(count)]


@pytest.fixture
def haven(tmp_path):
    return Haven(tmp_path / "haven")


@pytest.fixture
def asked():
    return Asked(
        fields=FIELDS,
        periods=["2018-04", "2018-05"],
        codes=["02P", "26A"],
        reasons="GHRC",
        domain_key=os.urandom(32),
        domain_id="sha256:" + os.urandom(32).hex(),
    )


def plan_of(haven, asked, editions, opted_out=(), data_set=SUS, cleared=()):
    return Plan(
        editions=tuple(Source(e.path, e.key_name, e.key) for e in editions),
        periods=tuple(asked.periods),
        codes=tuple(asked.codes),
        reasons=tuple(asked.reasons),
        is_national=asked.national,
        columns=tuple(ExtractColumn(n, Treatment(t)) for n, t in asked.fields.items()),
        opt_outs_apply=bool(opted_out or cleared),
        opted_out=tuple(Source(o.path, o.key_name, o.key) for o in opted_out),
        cleared=tuple(Source(c.path, c.key_name, c.key) for c in cleared),
        domain_id=asked.domain_id,
        keys=ExtractKeys(
            haven=haven.key("haven/nhs_number"),
            date_of_birth=haven.key("haven/date_of_birth"),
            postcode=haven.key("haven/postcode"),
            domain=asked.domain_key,
        ),
        date_of_birth="Date_of_Birth",
        postcode="Postcode",
        layout=left_out(data_set, ()),
    )


@pytest.fixture
def prepare(haven, tmp_path):
    def run(plan, name="out", limits=LIMITS, report=lambda *_: None):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        target = tmp_path / "made" / f"{name}.parquet"
        target.parent.mkdir(exist_ok=True)
        outcome = preparation.prepare(
            plan, target=target, scratch=scratch, limits=limits, report=report
        )
        return target, outcome

    return run


def rows_of(path):
    return duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall()


def test_each_row_of_an_extract_is_what_the_oracle_says(haven, asked, prepare):
    given = records(240)
    editions = [land(haven, SUS, given[:90]), land(haven, SUS, given[90:])]

    path, outcome = prepare(plan_of(haven, asked, editions))

    made, wanted = rows_of(path), expected(haven, SUS, given, asked)
    assert Counter(made) == Counter(wanted)
    assert [row[0] for row in made] == sorted(row[0] for row in wanted)
    assert 30 < len(made) < 240
    assert outcome.rows == len(made)
    assert outcome.people == len({row[0] for row in made})
    assert outcome.rows_without_reason == outcome.people_left_out == outcome.scan_hits == 0
    columns = [d[0] for d in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    assert columns == ["Token", "Reason_For_Access", *FIELDS]


QUASI = ("Sex", "Year_of_Birth_SUS", "Der_Age_Band")


def groups_of(rows, names, quasi):
    """The slow and obvious way: who stands in which group, and who is alone in one."""
    at = [names.index(name) for name in quasi]
    members = defaultdict(set)
    for row in rows:
        members[tuple(row[place] for place in at)].add(row[0])
    alone = {next(iter(people)) for people in members.values() if len(people) == 1}
    return min(map(len, members.values())), len(alone), len({row[0] for row in rows})


@pytest.mark.parametrize("quasi", [QUASI, QUASI[:1], ("Der_Age_Band",)])
def test_how_few_people_share_what_could_single_them_out_is_counted_in_the_file(
    haven, asked, prepare, quasi
):
    given = records(240)
    asked = replace(asked, fields=FIELDS | dict.fromkeys(quasi, "as_is"))
    plan = replace(plan_of(haven, asked, [land(haven, SUS, given)]), quasi_identifiers=quasi)

    path, outcome = prepare(plan)

    names = ["Token", "Reason_For_Access", *asked.fields]
    smallest, unique, people = groups_of(rows_of(path), names, quasi)
    groups = outcome.groups
    assert (groups.columns, groups.people) == (quasi, people)
    assert (groups.smallest, groups.unique) == (smallest, unique)
    assert groups.unique_share == unique / people


def test_without_quasi_identifiers_everybody_is_in_one_group(haven, asked, prepare):
    _, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, records(60))]))

    assert outcome.groups.columns == ()
    assert outcome.groups.smallest == outcome.groups.people == outcome.people
    assert outcome.groups.unique == 0


def test_a_file_of_nobody_has_no_smallest_group(haven, asked, prepare):
    asked = replace(asked, periods=["2019-01"])

    _, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, records(20))]))

    assert (outcome.groups.people, outcome.groups.smallest, outcome.groups.unique) == (0, None, 0)


def test_how_many_rows_are_written_is_said_while_it_goes_on(haven, asked, prepare):
    said: list[tuple[int, int]] = []
    edition = land(haven, SUS, records(9_000))

    _, outcome = prepare(
        plan_of(haven, asked, [edition]), report=lambda done, total: said.append((done, total))
    )

    assert said[0] == (0, outcome.rows)
    assert said[-1] == (outcome.rows, outcome.rows)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert len({done for done, _ in said}) > 2, "it moves between the beginning and the end"


def test_reasons_are_written_out_however_many_combinations_are_possible(haven, asked, prepare):
    given = records(120)
    codes = [*(code for code in COMMISSIONERS if code), "X24", "it's"]
    many = replace(asked, codes=codes, reasons="SPGHRC")
    assert (len(codes) + 1) ** 6 > selection.MOST_COMBINATIONS

    path, _ = prepare(plan_of(haven, many, [land(haven, SUS, given)]))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, many))


@pytest.mark.scenario("R08")
def test_a_row_without_a_reason_that_names_the_commissioner_is_absent(haven, asked, prepare):
    only = replace(asked, codes=["02P"])
    inside = [record(1, NUMBERS[0], period="2018-04", reasons={x: "02P"}) for x in "GHRC"]
    outside = [
        record(2, NUMBERS[1], period="2018-04", reasons=r)
        for r in ({}, {"S": "02P"}, {"P": "02P"}, {"G": "00L", "C": "26A"}, {"G": "02PX"})
    ]

    path, outcome = prepare(plan_of(haven, only, [land(haven, SUS, inside + outside)]))

    assert outcome.rows == 4
    assert sorted(r[1] for r in rows_of(path)) == ["C:02P", "G:02P", "H:02P", "R:02P"]


@pytest.mark.scenario("R08")
def test_a_forced_include_is_counted_in_the_file_itself(haven, asked, prepare, monkeypatch):
    """Guard: the filter. Without it the attestation says so, and agreements refuses."""
    given = [record(2, NUMBERS[1], period="2018-04", reasons={"G": "00L"})]
    monkeypatch.setattr(selection.Selection, "_filter", lambda _: "TRUE")

    _, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert outcome.rows_without_reason == 1


@pytest.mark.scenario("R13")
@pytest.mark.parametrize("lacking_in", [[0], [0, 1]], ids=["one edition", "all editions"])
def test_a_column_that_a_file_did_not_have_is_empty_in_the_extract(
    haven, asked, prepare, lacking_in
):
    layout = left_out(SUS, ())
    lacking = {
        name: kind for name, kind in layout.items() if name.partition("__")[0] in asked.fields
    }
    parts = [records(120)[:60], records(120)[60:]]
    given = [
        [{**r, **dict.fromkeys(n.partition("__")[0] for n in lacking)} for r in part]
        if number in lacking_in
        else part
        for number, part in enumerate(parts)
    ]
    editions = [
        land(haven, SUS, part, lacking=lacking if number in lacking_in else ())
        for number, part in enumerate(given)
    ]

    path, outcome = prepare(replace(plan_of(haven, asked, editions), layout=layout))

    assert outcome.rows > 0
    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, [*given[0], *given[1]], asked))


def test_all_rows_of_opted_out_people_are_absent_in_every_edition(haven, asked, prepare):
    given = records(160)
    gone = {NUMBERS[2], NUMBERS[5]}
    upheld = replace(asked, opted_out=frozenset(gone))
    editions = [land(haven, SUS, given[:60]), land(haven, SUS, given[60:])]

    everyone, _ = prepare(plan_of(haven, asked, editions), "everyone")
    path, outcome = prepare(plan_of(haven, upheld, editions, [list_of(haven, gone)]), "upheld")

    made = rows_of(path)
    assert Counter(made) == Counter(expected(haven, SUS, given, upheld))
    assert outcome.people_left_out == 2
    left_out = [r for r in rows_of(everyone) if r[0].startswith("P") and r not in set(made)]
    assert outcome.rows_left_out == len(left_out) > 0
    without = [r for r in rows_of(everyone) if r[0].startswith("L")]
    assert outcome.rows_without_person_left_out == len(without) > 0
    assert not any(r[0].startswith("L") for r in made)


def test_whoever_is_on_any_of_several_lists_is_absent(haven, asked, prepare):
    given = records(160)
    some, others = {NUMBERS[2], NUMBERS[5]}, {NUMBERS[5], NUMBERS[7]}
    upheld = replace(asked, opted_out=frozenset(some | others))

    lists = [list_of(haven, some), list_of(haven, set()), list_of(haven, others)]
    path, outcome = prepare(plan_of(haven, upheld, [land(haven, SUS, given)], lists))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, upheld))
    assert outcome.people_left_out == 3


@pytest.mark.scenario("R13")
@pytest.mark.parametrize("omitted", [2, 0, "all"])
def test_whoever_the_national_check_did_not_clear_is_absent(haven, asked, prepare, omitted):
    given = records(160)
    gone = set(NUMBERS) if omitted == "all" else set(NUMBERS[:omitted])
    upheld = replace(asked, opted_out=frozenset(gone))
    cleared = [list_of(haven, set(NUMBERS) - gone)]

    path, outcome = prepare(plan_of(haven, upheld, [land(haven, SUS, given)], cleared=cleared))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, upheld))
    assert outcome.people_left_out == len(gone)


def test_of_two_replies_only_who_is_in_both_is_there(haven, asked, prepare):
    given = records(160)
    upheld = replace(asked, opted_out=frozenset(NUMBERS[:3]))
    cleared = [list_of(haven, NUMBERS[2:]), list_of(haven, {NUMBERS[0], *NUMBERS[3:]})]

    path, outcome = prepare(plan_of(haven, upheld, [land(haven, SUS, given)], cleared=cleared))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, upheld))
    assert outcome.people_left_out == 3


def test_opt_outs_cannot_be_upheld_without_a_list(haven, asked):
    plan = plan_of(haven, asked, [land(haven, SUS, records(3))])
    with pytest.raises(ValueError, match="without a list"):
        replace(plan, opt_outs_apply=True)


@pytest.mark.scenario("R19")
def test_tokens_are_equal_over_the_months_of_one_domain_and_differ_between_two(
    haven, asked, prepare
):
    given = [
        record(i, NUMBERS[i % 6], period=f"2018-0{4 + i // 6}", reasons={"G": "02P"})
        for i in range(12)
    ]
    edition = land(haven, SUS, given)
    april, may = (replace(asked, periods=[p]) for p in ("2018-04", "2018-05"))
    other = replace(april, domain_key=os.urandom(32), domain_id="sha256:" + "0" * 64)

    made = [
        {row[0] for row in rows_of(prepare(plan_of(haven, a, [edition]), n)[0])}
        for n, a in (("april", april), ("may", may), ("other", other))
    ]

    assert made[0] == made[1]
    assert len(made[0]) == 6
    assert {t[3:] for t in made[0]}.isdisjoint(t[3:] for t in made[2])


def test_people_without_a_number_never_share_a_token(haven, asked, prepare):
    given = [
        record(i, None, Provider_Code=provider, Local_Patient_ID=local, reasons={"G": "02P"},
               period="2018-04")
        for i, (provider, local) in enumerate(
            [("RH8", "1"), ("RH8", "1"), ("RH8", "2"), ("RJE", "1"), ("RH81", "")]
        )
    ]  # fmt: skip

    path, _ = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    tokens = Counter(row[0] for row in rows_of(path))
    assert sorted(tokens.values()) == [1, 1, 1, 2]
    assert all(t.startswith("L") for t in tokens)


@pytest.mark.scenario("R24")
def test_the_same_request_again_makes_the_same_bytes_whatever_the_memory(haven, asked, prepare):
    given = records(900)
    editions = [land(haven, SUS, given[:400]), land(haven, SUS, given[400:])]
    plan = plan_of(haven, asked, editions)

    digests = {
        hashlib.sha256(prepare(plan, f"run{n}", limits)[0].read_bytes()).hexdigest()
        for n, limits in enumerate(
            [
                LIMITS,
                LIMITS,
                EngineLimits(memory_bytes=120_000_000, threads=1),
                EngineLimits(threads=4),
            ]
        )
    }

    assert len(digests) == 1


def test_rows_of_one_person_do_not_stand_in_the_order_of_the_providers_file(haven, asked, prepare):
    """Guard: the tie-break is keyed by the domain, or row order would link extracts."""
    given = [
        record(i, NUMBERS[0], Der_Spell_LoS=i, reasons={"G": "02P"}, period="2018-04")
        for i in range(60)
    ]
    edition = land(haven, SUS, given)
    lengths = replace(asked, fields={"Der_Spell_LoS": "as_is"})
    other = replace(lengths, domain_key=os.urandom(32))

    orders = [
        [row[2] for row in rows_of(prepare(plan_of(haven, a, [edition]), n)[0])]
        for n, a in (("one", lengths), ("two", other))
    ]

    assert sorted(orders[0]) == sorted(orders[1]) == list(range(60))
    assert orders[0] != list(range(60))
    assert orders[0] != orders[1]


def test_a_national_line_has_all_rows_and_names_no_reason(haven, asked, prepare):
    given = records(100)
    national = replace(asked, codes=[], reasons="", national=True)

    path, outcome = prepare(plan_of(haven, national, [land(haven, SUS, given)]))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, national))
    assert outcome.rows_without_reason == 0


def test_nothing_selected_makes_a_file_without_rows(haven, asked, prepare):
    nobody = replace(asked, codes=["Z99"])

    path, outcome = prepare(plan_of(haven, nobody, [land(haven, SUS, records(50))]))

    assert outcome.rows == 0
    assert rows_of(path) == []


@pytest.mark.scenario("R15")
def test_an_nhs_number_in_a_local_identifier_never_leaves_in_clear(haven, asked, prepare):
    given = [
        record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"}, Hospital_Spell_No=text)
        for text in (NUMBERS[0], f"X{NUMBERS[0]}-1", NUMBERS[1])
    ]

    path, _ = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, asked))
    assert all(not is_nhs_number(d) for d in digit_windows(csv_of(path)))


LEAKS = [
    ("Der_Diagnosis_All", f"I10 {NUMBERS[0]}"),
    ("Der_Diagnosis_All", "I10 999 000 0026 (another)"),
    ("Der_Diagnosis_All", f"0{NUMBERS[1]}7"),
    ("Der_Diagnosis_All", "born 1951-02-11"),
    ("Der_Diagnosis_All", "born 11021951"),
    ("Der_Diagnosis_All", "x11/02/1951"),
    ("Der_Diagnosis_All", "lives ab21cd"),
    ("Der_Diagnosis_All", "AB2 1CD"),
    ("Sex", NUMBERS[0]),
    ("Der_Age_Band", NUMBERS[0]),
    ("Der_Spell_LoS", int(NUMBERS[0])),
    ("Tariff_Total_Payment", float(NUMBERS[0])),
]


@pytest.mark.scenario("R15")
@pytest.mark.parametrize(("column", "value"), LEAKS)
def test_personal_data_in_what_is_about_to_be_written_fails_the_preparation(
    haven, asked, prepare, tmp_path, column, value
):
    given = [*records(20), record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[-1] |= {"Date_of_Birth": "1951-02-11", "Postcode": "AB2 1CD", column: value}

    with pytest.raises(PcdLeak) as leak:
        prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert leak.value.columns == (column,)
    assert str(value) not in str(leak.value)
    made = tmp_path / "made" / "out.parquet"
    assert not made.exists() or str(value).encode() not in made.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "I10 9990000019", "1234567890", "1240581000000104", "born 1951-02-12", "AB2 1CE",
        "2018-04-01 10:00", "12.5",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_may_leave(haven, asked, prepare, text):
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {"Date_of_Birth": "1951-02-11", "Postcode": "AB2 1CD", "Der_Diagnosis_All": text}

    path, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert outcome.rows == 1
    assert text in rows_of(path)[0]
    assert "Der_Diagnosis_All" in outcome.scanned_columns
    assert outcome.scan_rule == scan.RULE


@pytest.mark.parametrize("column", ["Sex", "Der_Age_Band", "Der_Diagnosis_All", "Provider_Code"])
@pytest.mark.parametrize(
    "spelling",
    [
        "9990000018",
        "9 9 9 0 0 0 0 0 1 8",
        "\uff19990000018",
        "a19990000018b",
        "ab2\u00a01cd",
        "Ab-2 1 Cd",
    ],
)
def test_an_own_value_that_got_into_any_column_in_any_spelling_stops_the_extract(
    haven, asked, prepare, column, spelling
):
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {"Date_of_Birth": "1951-02-11", "Postcode": "AB2 1CD", column: spelling}
    asked = replace(asked, fields=asked.fields | {"Provider_Code": "as_is"})

    with pytest.raises(PcdLeak) as leak:
        prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert leak.value.columns == (column,)


@pytest.fixture
def late(monkeypatch):
    """What could be personal data comes after the rows that are asked first."""
    monkeypatch.setattr(preparation, "ROWS_ASKED_FIRST", 0)


@pytest.mark.usefixtures("late")
def test_personal_data_far_down_stops_the_extract_as_well(haven, asked, prepare):
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {"Date_of_Birth": "1951-02-11", "Der_Diagnosis_All": "born 11.2.51"}

    with pytest.raises(PcdLeak) as leak:
        prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert leak.value.columns == ("Der_Diagnosis_All",)


@pytest.mark.usefixtures("late")
def test_what_far_down_only_looks_like_it_leaves_once_it_was_looked_at(haven, asked, prepare):
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {"Date_of_Birth": "1951-02-11", "Der_Diagnosis_All": "born 1951-02-12"}

    path, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert outcome.rows == 1
    assert "born 1951-02-12" in rows_of(path)[0]


@pytest.mark.parametrize("spelling", ["110251", "11.2.51", "11 Feb 51", "1951FEB11", "19510211"])
def test_an_own_birth_date_in_a_short_column_stops_the_extract(haven, asked, prepare, spelling):
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {"Date_of_Birth": "1951-02-11", "Sex": spelling}

    with pytest.raises(PcdLeak):
        prepare(plan_of(haven, asked, [land(haven, SUS, given)]))


def test_what_the_columns_of_a_line_cap_together_is_capped_in_what_leaves(haven, asked, prepare):
    fields = {
        "Year_of_Birth_SUS": "derived",
        "CDS_Activity_Date": "as_is",
        "Der_Activity_Month": "derived",
    }
    given = [
        record(1, NUMBERS[at], period="2018-04", reasons={"G": "02P"})
        | {"Year_of_Birth_SUS": year, "CDS_Activity_Date": day("2018-04-02")}
        | {"Episode_Start_Date": day("2018-04-02"), "Der_Activity_Month": "2018-04"}
        for at, year in enumerate([1911, 1924, 1960])
    ]
    plan = plan_of(haven, replace(asked, fields=fields), [land(haven, SUS, given)])
    treatments = {name: Treatment(treatment) for name, treatment in fields.items()}

    path, _ = prepare(replace(plan, capped=capped_columns(catalogue.caps(), SUS, treatments)))

    told = sorted(row[2:] for row in rows_of(path))
    assert [year for year, *_ in told] == [1928, 1928, 1960]
    assert {month for *_, month in told} == {"2018-04"}
    assert all(date is None or pd.isna(date) for _, date, _ in told)


def test_a_leak_in_a_row_that_is_not_selected_stops_nobody_else(haven, asked, prepare):
    given = [
        record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"}),
        record(2, NUMBERS[1], period="2018-04", reasons={"G": "00L"}, Sex=NUMBERS[1]),
    ]

    _, outcome = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    assert outcome.rows == 1


def csv_of(path):
    target = path.with_suffix(".csv")
    scratch = path.parent.parent / "scratch"
    preparation.write_csv(path, target=target, scratch=scratch, limits=LIMITS)
    return target.read_text()


def digit_windows(text):
    for run in re.findall(r"[0-9]{10,}", text):
        yield from (run[i : i + 10] for i in range(len(run) - 9))


def test_the_csv_has_the_same_rows_in_the_same_order(haven, asked, prepare):
    given = records(300)
    path, _ = prepare(plan_of(haven, asked, [land(haven, SUS, given)]))

    text = csv_of(path)

    header, *lines = csv.reader(text.splitlines())
    assert header == ["Token", "Reason_For_Access", *FIELDS]
    written = [tuple("" if v is None else csv_text(v) for v in row) for row in rows_of(path)]
    assert [tuple(line) for line in lines] == written


def csv_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def test_no_text_of_the_csv_is_a_formula(haven, asked, prepare):
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '"=1', "plain, and quoted", "a=b"]
    given = [
        record(i, NUMBERS[i], period="2018-04", reasons={"G": "02P"}, Der_Diagnosis_All=text)
        for i, text in enumerate(texts)
    ]
    one = replace(asked, fields={"Der_Diagnosis_All": "as_is", "Tariff_Total_Payment": "as_is"})
    path, _ = prepare(plan_of(haven, one, [land(haven, SUS, given)]))
    csv_of(path)

    frame = pd.read_csv(path.with_suffix(".csv"), dtype=str, keep_default_na=False)

    assert set(frame["Der_Diagnosis_All"].str[0]).isdisjoint("=+-@\t\r")
    assert sorted(frame["Der_Diagnosis_All"]) == sorted(
        "'" + text if text[0] in "=+-@\t\r" else text for text in texts
    )


def with_staff_codes(haven, asked, editions):
    """A plan for a line that lists consultants' codes as they are."""
    as_is = replace(asked, fields=asked.fields | {"Consultant_Code": "as_is"})
    plan = plan_of(haven, as_is, editions)
    return as_is, replace(plan, keys=replace(plan.keys, staff=haven.key("haven/staff")))


def test_codes_of_staff_leave_as_they_are_where_the_line_lists_them_so(haven, asked, prepare):
    """Guard: `guard.Opened` (ruling 13): opened here alone, and looked at."""
    given = records(240)
    as_is, plan = with_staff_codes(haven, asked, [land(haven, SUS, given)])

    path, outcome = prepare(plan)

    assert Counter(rows_of(path)) == Counter(expected(haven, SUS, given, as_is))
    assert "Consultant_Code" in outcome.scanned_columns
    assert outcome.staff_codes_left_out == 0


def test_a_code_of_staff_with_the_persons_own_data_in_it_is_left_out(haven, asked, prepare):
    codes = {"C1234567": 0, "19580918": 1, "AB9 8CD": 1, "AB98CD": 1, "9990000018": 1}
    given = [
        record(8, NUMBERS[0], period="2018-04", reasons={"G": "02P"}, Consultant_Code=code)
        for code in codes
    ]
    assert (given[0]["Date_of_Birth"], given[0]["Postcode"]) == ("1958-09-18", "AB9 8CD")
    _, plan = with_staff_codes(haven, asked, [land(haven, SUS, given)])

    path, outcome = prepare(plan)

    found = duckdb.sql(f"SELECT Consultant_Code FROM '{path}'").fetchall()
    assert Counter(code for (code,) in found) == {"C1234567": 1, None: 4}
    assert outcome.staff_codes_left_out == 4
    assert outcome.rows == 5


def test_nothing_else_that_is_sealed_is_opened(haven, asked, prepare):
    for name in ("Hospital_Spell_No", "Date_of_Birth", "Consultant_Code"):
        named = replace(asked, fields={name: "as_is"})
        with pytest.raises(ValueError, match="nothing may open it"):
            prepare(plan_of(haven, named, [land(haven, SUS, records(20))]))


def test_nobody_but_the_engine_can_read_a_landed_edition(haven):
    edition = land(haven, SUS, records(50))

    raw = edition.path.read_bytes()
    assert NUMBERS[0].encode() not in raw
    with pytest.raises(duckdb.Error):
        duckdb.sql(f"SELECT * FROM read_parquet('{edition.path}')").fetchall()


def test_an_edition_whose_key_is_wrong_fails_in_our_own_words(haven, asked, prepare):
    edition = replace(land(haven, SUS, records(10)), key=os.urandom(32))

    with pytest.raises(EngineFailed) as failed:
        prepare(plan_of(haven, asked, [edition]))

    assert str(edition.path) not in str(failed.value)


RULES = next(r for r in catalogue.load().landing_rules if r.data_set == "SUS_APC")


def test_a_record_that_was_landed_again_is_released_once_as_it_was_landed_last(
    haven, asked, prepare
):
    """In two months, from two submitters, twice in a file: the last one counts, and is counted."""
    provider = {"P": "RH8"}
    first = [one | {"reasons": one["reasons"] | provider} for one in records(60)]
    # Corrected: another person, another month, for some another commissioner or none at all.
    again = [
        one
        | {
            "NHS_Number": NUMBERS[i % 5],
            "Sex": "9",
            "period": f"2018-0{4 + i % 3}",
            "reasons": ({"G": "02P"} if i % 2 else {"G": "00L"}) | provider,
        }
        for i, one in enumerate(first[20:40])
    ]
    others = [one | {"reasons": one["reasons"] | {"P": "R0A"}} for one in first[:10]]
    without_key = [one | {"Unique_CDS_Identifier": None} for one in first[:3]] * 2
    last = again + again[:5] + others + without_key
    editions = [land(haven, SUS, first), land(haven, SUS, last)]
    plan = replace(plan_of(haven, asked, editions), record=RecordKey.of(RULES, SUS))

    path, outcome = prepare(plan)

    known = {}
    for place, one in enumerate([*first, *last]):
        key = one["Unique_CDS_Identifier"]
        known[(key, one["reasons"]["P"]) if key else place] = one
    wanted = expected(haven, SUS, known.values(), asked)
    assert Counter(rows_of(path)) == Counter(wanted)
    assert outcome.rows == len(wanted)
    all_rows = len(expected(haven, SUS, [*first, *last], asked))
    assert outcome.rows_repeated_left_out == all_rows - len(wanted) > 5
    assert outcome.people == len({row[0] for row in wanted})


def test_of_a_data_set_that_sets_repeats_aside_the_first_stays(haven, asked, prepare):
    rules = RULES.model_copy(
        update={"record": RULES.record.model_copy(update={"twice": "quarantine"})}
    )
    one = record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P", "P": "RH8"}, Sex="1")
    editions = [land(haven, SUS, [one]), land(haven, SUS, [one | {"Sex": "2"}])]
    plan = replace(plan_of(haven, asked, editions), record=RecordKey.of(rules, SUS))

    path, outcome = prepare(plan)

    assert rows_of(path) == expected(haven, SUS, [one], asked)
    assert outcome.rows_repeated_left_out == 1


@pytest.mark.usefixtures("late")
def test_a_code_that_is_left_out_counts_once_where_the_extract_is_begun_again(
    haven, asked, prepare
):
    """Guard: `Opened.begin_again`. What was counted of the rows before the first look is undone."""
    given = [record(1, NUMBERS[0], period="2018-04", reasons={"G": "02P"})]
    given[0] |= {
        "Date_of_Birth": "1951-02-11",
        "Consultant_Code": "19510211",
        "Der_Diagnosis_All": "born 1951-02-12",
    }
    _, plan = with_staff_codes(haven, asked, [land(haven, SUS, given)])

    _, outcome = prepare(plan)

    assert (outcome.rows, outcome.staff_codes_left_out) == (1, 1)
