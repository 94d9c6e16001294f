"""Change sets: what was added, removed and changed between two extracts, and when it may be told.

The oracle compares the two released files row by row in Python.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import date

import duckdb
import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.ids import new_id
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.landed import day

NUMBERS = ["9990000018", "9990000026", "9990000034", "9990000042"]
KEY = "Unique_CDS_Identifier"
TREATMENTS = {"Sex": "as_is", "Admission_Date": "month", KEY: "pseudonym"}
NEWER = "sha256:" + "7" * 64
UPHELD = {"applied": True, "list_age_days_max": 7}


def record(i, **more):
    return {
        "NHS_Number": NUMBERS[i % 4],
        "Local_Patient_ID": f"L{i % 4}",
        "Provider_Code": "RH8",
        "Sex": "12"[i % 2],
        "Admission_Date": day("2018-04-03"),
        KEY: f"C{i}",
        "period": "2018-04",
        "reasons": {"G": "02P"},
    } | more


FLEX = [record(i) for i in range(12)]


@pytest.fixture
def haven(tmp_path, make_engine, database_url, clock):
    return world(tmp_path, make_engine(database_url), clock)


@pytest.fixture
def sqlite_haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path, make_engine(sqlite_url), clock)


def prepare(haven, since=None, *, fields=(*TREATMENTS,), formats=("parquet",), **more):
    asked = {} if since is None else {"changes_since": since.permit.extract_id}
    request = haven.request(fields=list(fields), formats=list(formats), **asked)
    named = [{"name": n, "treatment": TREATMENTS.get(n, "as_is")} for n in fields]
    return haven.prepare(request=request, **({"fields": named} | asked | more))


def land_anew(haven, records):
    """Land the month again: the edition before is superseded."""
    with Session(haven.engine) as session:
        session.execute(text("UPDATE edition SET superseded_by = :by"), {"by": new_id().hex})
        session.commit()
    return haven.land(records)


def read(haven, file):
    path = haven.directory / "release" / file.object_key
    found = duckdb.sql(f"SELECT * FROM '{path}'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def oracle(earlier, later, key):
    """What leads from one file to the other, by plain loops."""
    sides = []
    for rows in (earlier, later):
        of_key = defaultdict(list)
        for row in rows:
            of_key[tuple(row[name] for name in key)].append(tuple(row.values()))
        sides.append(of_key)
    before, after = sides
    columns = list((earlier or later)[0])
    found = []
    for known in {*before, *after}:
        if sorted(map(repr, before[known])) == sorted(map(repr, after[known])):
            continue
        became = "removed" if not after[known] else "changed" if before[known] else "added"
        if became == "removed":
            empty = dict.fromkeys(columns) | dict(zip(key, known, strict=True))
            found.append((*empty.values(), became))
        else:
            found += [(*row, became) for row in after[known]]
    return sorted(found, key=repr)


def changes_of(haven, done, format_="parquet"):
    files = [f for f in done.files if "changes" in haven.attested(f)]
    (file,) = [f for f in files if f.format == format_]
    return file


def test_a_correction_leads_to_a_change_set_by_the_key_of_the_record(haven):
    haven.land(FLEX)
    flex = prepare(haven)
    corrected = [record(0, Sex="9"), *FLEX[2:], record(90)]
    land_anew(haven, corrected)

    freeze = prepare(haven, flex)

    whole, change_set = freeze.files
    told = read(haven, change_set)
    assert sorted((tuple(row.values()) for row in told), key=repr) == oracle(
        read(haven, flex.files[0]), read(haven, whole), ("Token", KEY)
    )
    assert sorted(row["Change"] for row in told) == ["added", "changed", "removed"]
    assert [row["Token"] for row in told] == sorted(row["Token"] for row in told)
    assert change_set.rows == 3
    said = haven.attested(change_set)
    assert said["changes"] == {
        "since": flex.permit.extract_id,
        "since_file": flex.files[0].digest,
        "key": ["Token", KEY],
    }
    assert [c["name"] for c in said["columns"]] == [
        "Token", "Reason_For_Access", *TREATMENTS, "Change",
    ]  # fmt: skip
    assert "changes" not in haven.attested(whole)
    assert whole.digest == prepare(haven).files[0].digest


def test_without_its_key_what_differs_of_a_person_is_told_anew(sqlite_haven):
    haven = sqlite_haven
    haven.land(FLEX)
    flex = prepare(haven, fields=("Sex",))
    land_anew(haven, [record(0, Sex="9"), *FLEX[1:]])

    freeze = prepare(haven, flex, fields=("Sex",))

    told = read(haven, changes_of(haven, freeze))
    assert haven.attested(changes_of(haven, freeze))["changes"]["key"] == ["Token"]
    assert [row["Change"] for row in told] == ["changed"] * 3
    assert sorted(row["Sex"] for row in told) == ["1", "1", "9"]


def test_where_nothing_changed_there_is_a_change_set_without_rows(sqlite_haven):
    haven = sqlite_haven
    haven.land(FLEX)
    first = prepare(haven)

    again = prepare(haven, first, formats=("csv", "parquet"))

    assert [f.format for f in again.files] == ["csv", "parquet"] * 2
    assert [f.rows for f in again.files] == [12, 12, 0, 0]
    assert read(haven, changes_of(haven, again)) == []


def test_an_opt_out_is_told_as_any_other_removal(sqlite_haven):
    """Number 0 objects, and a record of number 1 is deleted: both are keys, and no more."""
    haven = sqlite_haven
    haven.land(FLEX)
    haven.opt_out([], on=date(2018, 5, 27))
    flex = prepare(haven, opt_out=UPHELD)
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, [r for i, r in enumerate(FLEX) if i != 1])

    freeze = prepare(haven, flex, opt_out=UPHELD)

    told = read(haven, changes_of(haven, freeze))
    assert [row["Change"] for row in told] == ["removed"] * 4
    assert {tuple(n for n, v in row.items() if v is not None) for row in told} == {
        ("Token", KEY, "Change")
    }
    assert (freeze.rows_done, freeze.rows_total) == (8, 8)


@pytest.mark.parametrize("objectors", [[NUMBERS[0]], []], ids=["one objects", "nobody does"])
@pytest.mark.parametrize("more", [[], [record(90)]], ids=["the same records", "one more"])
def test_where_an_opt_out_would_be_the_only_removal_it_waits(sqlite_haven, objectors, more):
    """Guard: `require_told_safely`. It waits as well where nobody objected, so that waiting tells
    nothing; and nothing of the extract is there to be compared."""
    haven = sqlite_haven
    haven.land(FLEX)
    haven.opt_out(["9990000050"], on=date(2018, 5, 27))
    flex = prepare(haven, opt_out=UPHELD)
    objects = haven.objects()
    haven.opt_out(["9990000050", *objectors], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, [*FLEX, *more])

    waits = prepare(haven, flex, opt_out=UPHELD)

    assert (waits.state.value, waits.code) == ("failed", "CHANGE_SET_WAITS")
    haven.jobs.sweep()
    assert haven.objects() == objects


def test_with_the_same_list_a_change_set_waits_for_nothing(sqlite_haven):
    haven = sqlite_haven
    haven.land(FLEX)
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 28))
    flex = prepare(haven, opt_out=UPHELD)
    land_anew(haven, [*FLEX, record(91, NHS_Number=NUMBERS[1])])

    freeze = prepare(haven, flex, opt_out=UPHELD)

    assert [row["Change"] for row in read(haven, changes_of(haven, freeze))] == ["added"]


@pytest.mark.parametrize(
    ("spoil", "code", "subject"),
    [
        ({"domain": "DARS-NIC-654321-Z9Y8X"}, "EARLIER_EXTRACT_DIFFERS", "pseudonym domain"),
        ({"fields": ("Sex", KEY)}, "EARLIER_EXTRACT_DIFFERS", "fields"),
        ({"formats": ("csv",)}, "EARLIER_EXTRACT_DIFFERS", "formats"),
        ({"destroyed": True}, "EARLIER_EXTRACT_GONE", None),
        ({"altered": True}, "EARLIER_EXTRACT_GONE", None),
        ({"unknown": True}, "EARLIER_EXTRACT_UNKNOWN", None),
        ({"periods": ["2018-04", "2018-05"]}, "EARLIER_EXTRACT_DIFFERS", "periods"),
    ],
    ids=["domain", "fields", "formats", "destroyed", "altered", "unknown", "periods"],
)
def test_what_cannot_be_compared_is_refused_by_the_haven_itself(sqlite_haven, spoil, code, subject):
    """Whatever a permit says: of these agreements would have refused most before."""
    haven = sqlite_haven
    haven.land(FLEX)
    haven.land([record(i, period="2018-05") for i in range(3)], period="2018-05")
    fields = spoil.get("fields", (*TREATMENTS,))
    earlier = haven.prepare(
        request=(
            haven.request(
                fields=list(fields),
                formats=list(spoil.get("formats", ("parquet",))),
                periods=spoil.get("periods", ["2018-04"]),
            )
            | ({"agreement": spoil["domain"]} if "domain" in spoil else {})
        ),
        fields=[{"name": n, "treatment": TREATMENTS[n]} for n in fields],
    )
    place = haven.directory / "release" / earlier.files[0].object_key
    if "destroyed" in spoil:
        place.unlink()
    if "altered" in spoil:
        place.write_bytes(place.read_bytes() + b"x")
    since = earlier
    if "unknown" in spoil:
        since = replace(earlier, permit=replace(earlier.permit, extract_id=str(new_id())))

    failed = prepare(haven, since)

    assert (failed.state.value, failed.code, failed.subject) == ("failed", code, subject)
