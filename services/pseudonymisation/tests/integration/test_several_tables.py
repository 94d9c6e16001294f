"""CSDS from its tables to its groups: sent, closed, landed, prepared, and compared row by row."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import duckdb
import pytest

import catalogue
from catalogue.relations import split
from common.security.keys import ATTESTATION, SignedVerifier
from pseudonymisation.intake.adapters.landing.related import landing
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.several_tables import (
    ACTIVE,
    ASKED,
    MONTH,
    REFERRED,
    WHO,
    Expected,
    Row,
    activity,
    contact,
    person,
    referral,
    tables,
)
from services.pseudonymisation.tests.submitting import written

__all__ = ["dissemination"]

CSDS = catalogue.load().get("CSDS")
CODES = ["02P"]


def put(intake, submission_id: str, table: str, content: bytes) -> Any:
    return intake.client.put(
        f"/v1/submissions/{submission_id}/tables/{table}/content",
        content=content,
        headers=intake.headers() | {"Content-Type": "text/csv"},
    )


def close(intake, submission_id: str) -> Any:
    return intake.client.post(f"/v1/submissions/{submission_id}/closing", headers=intake.headers())


def begin(
    intake, sent: Mapping[str, Sequence[Row]], period: str = MONTH, data_set: str = "CSDS"
) -> str:
    opened = intake.open(data_set, period)
    assert opened.status_code == 201, opened.text
    for table, rows in sent.items():
        answer = put(intake, opened.json()["id"], table, written(rows))
        assert answer.status_code == 202, answer.text
    return str(opened.json()["id"])


def submit(intake, sent: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    submission_id = begin(intake, sent)
    answer = close(intake, submission_id)
    assert answer.status_code == 202, answer.text
    intake.work()
    found: dict[str, Any] = intake.get(f"/v1/submissions/{submission_id}").json()
    return found


def asked() -> dict[str, str]:
    """Every column that is asked for, in the first of its forms."""
    return {
        f"{group}.{name}": CSDS.releasable(f"{group}.{name}").treatments[0].value
        for group, names in ASKED.items()
        for name in names
    }


def prepared(dissemination, fields: Mapping[str, str] | None = None, **more: Any):
    done = dissemination.prepare(
        CSDS,
        fields or asked(),
        periods=[MONTH],
        codes=CODES,
        reasons="GHC",
        formats=("parquet",),
        **more,
    )
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    return done


def read(dissemination, done) -> dict[str, list[dict[str, Any]]]:
    """Read each file, by the group that its attestation says."""
    verifier = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    )
    found = {}
    for file in done.files:
        said = verifier.verify(file.attestation)
        named = [c["name"] for c in said["columns"]]
        (group,) = {split(name)[0] for name in named} - {""}
        told = [*said["scan"]["columns"], *(said.get("groups") or {"columns": []})["columns"]]
        assert {split(name)[0] for name in told} <= {group}
        made = duckdb.sql(f"SELECT * FROM '{dissemination.path(file)}'")
        columns = [d[0] for d in made.description]
        assert columns == [split(name)[1] for name in named]
        found[group] = [dict(zip(columns, r, strict=True)) for r in made.fetchall()]
    return found


def without(rows: Sequence[Mapping[str, Any]], *names: str) -> Counter[Any]:
    return Counter(
        tuple(sorted((k, str(v)) for k, v in one.items() if k not in names)) for one in rows
    )


def joined(
    rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], *by: str
) -> Counter[Any]:
    """Join rows of two files, and give what stands side by side, less the tokens."""
    tokens = (WHO, REFERRED, ACTIVE)
    return Counter(
        (*without([one], *tokens), *without([other], *tokens))
        for one in rows
        for other in others
        if all(one[name] is not None and one[name] == other[name] for name in by)
    )


@pytest.mark.parametrize(
    ("one_pass_bytes", "lot_bytes"), [(landing.ONE_PASS_BYTES, landing.LOT_BYTES), (0, 1)]
)
def test_each_group_has_the_rows_that_its_tables_say(
    intake, dissemination, monkeypatch, one_pass_bytes, lot_bytes
) -> None:
    """Whether all groups are made in one pass, or each is written in lots and read again."""
    monkeypatch.setattr(landing, "ONE_PASS_BYTES", one_pass_bytes)
    monkeypatch.setattr(landing, "LOT_BYTES", lot_bytes)
    sent = tables()
    assert submit(intake, sent)["state"] == "accepted"

    found = read(dissemination, prepared(dissemination))

    expected = {g: list(Expected(sent, CODES).rows(g, names)) for g, names in ASKED.items()}
    assert [*found] == [*ASKED]
    for group, rows in expected.items():
        assert rows
        assert without(found[group], WHO, REFERRED, ACTIVE) == without(rows, WHO, REFERRED, ACTIVE)
        if group == "Group_Sessions":
            continue
        for name in (WHO, REFERRED, ACTIVE):
            tokens = [one[name] for one in found[group] if one.get(name)]
            assert len(set(tokens)) == len({one[name] for one in rows if one.get(name)}), name
            assert not {one[name] for one in rows if one.get(name)} & set(tokens), name
        if group != "Referrals":
            assert joined(found[group], found["Referrals"], WHO, REFERRED) == joined(
                rows, expected["Referrals"], WHO, REFERRED
            )
            assert joined(found[group], found["Referrals"], WHO) == joined(
                rows, expected["Referrals"], WHO
            )
    by_activity = joined(found["Assessments"], found["Care_Activities"], WHO, ACTIVE)
    assert by_activity == joined(expected["Assessments"], expected["Care_Activities"], WHO, ACTIVE)
    assert by_activity


@pytest.mark.scenario("R13")
def test_whoever_objects_is_missing_in_every_group_and_sessions_of_nobody_stay(
    intake, dissemination
) -> None:
    """Of rows about nobody nobody can object; who has no number is left out too."""
    sent = tables()
    submit(intake, sent)
    assert take(intake, body(["9990000018"])).status_code == 201

    found = read(dissemination, prepared(dissemination, upholds=True))

    for group, names in ASKED.items():
        rows = [
            one
            for one in Expected(sent, CODES).rows(group, names)
            if one.get(WHO, "9990000026") == "9990000026"
        ]
        assert without(found[group], WHO, REFERRED, ACTIVE) == without(
            rows, WHO, REFERRED, ACTIVE
        ), group
    assert len(found["Group_Sessions"]) == 2
    assert len(found["Care_Activities"]) == 1


@pytest.mark.scenario("R16")
def test_group_sessions_carry_nobody(intake, dissemination) -> None:
    submit(intake, tables())

    sessions = read(dissemination, prepared(dissemination))["Group_Sessions"]

    assert len(sessions) == 2
    assert all(set(one) == {"Reason_For_Access", *ASKED["Group_Sessions"]} for one in sessions)


@pytest.mark.scenario("R17")
def test_the_service_request_of_an_immunisation_may_be_empty(intake, dissemination) -> None:
    """In a file that has no such column, and in one that has it: guard of `Related._orphans`."""
    sent = tables()
    beside = next(rows for rows in (sent["CYP501"], sent["CYP502"]) if REFERRED in rows[0])
    beside.append(beside[0] | {REFERRED: ""})
    submit(intake, sent)

    found = read(dissemination, prepared(dissemination))

    rows = found["Immunisations"]
    assert Counter(one[REFERRED] is None for one in rows) == Counter({True: 2, False: 1})
    assert all(one[WHO] in {r[WHO] for r in found["Referrals"]} for one in rows)


def test_tables_come_in_any_order_and_parents_last(intake, dissemination) -> None:
    sent = tables()
    assert submit(intake, dict(reversed(sent.items())))["state"] == "accepted"

    found = read(dissemination, prepared(dissemination))

    assert {group: len(rows) for group, rows in found.items()} == {
        group: len(list(Expected(sent, CODES).rows(group, names))) for group, names in ASKED.items()
    }


def test_a_table_that_comes_again_takes_the_place_of_the_first(intake) -> None:
    sent = tables()
    submission_id = begin(intake, sent)
    first = intake.get(f"/v1/submissions/{submission_id}").json()["tables"]
    again = [*sent["CYP202"], activity("A9", "C2")]

    assert put(intake, submission_id, "CYP202", written(again)).status_code == 202

    now = intake.get(f"/v1/submissions/{submission_id}").json()["tables"]
    assert {t["table"]: t["records"] for t in now} == {n: len(r) for n, r in sent.items()} | {
        "CYP202": 5
    }
    kept = [t for t in now if t["table"] != "CYP202"]
    assert kept == [t for t in first if t["table"] != "CYP202"]
    folder = intake.directory / "landing" / "uploads" / submission_id
    assert len([*folder.iterdir()]) == len(sent)


@pytest.mark.parametrize(
    ("table", "content", "status", "code"),
    [
        ("CYP999", b"A\n1\n", 404, "TABLE_UNKNOWN"),
        ("MHS101Referral", written(tables()["CYP101"]), 404, "TABLE_UNKNOWN"),  # of another
        ("CYP202", written(tables()["CYP201"]), 422, "COLUMNS_WRONG"),
        ("CYP202", b"", 422, "FILE_EMPTY"),
    ],
)
def test_a_table_that_is_refused_leaves_what_was_there(
    intake, table: str, content: bytes, status: int, code: str
) -> None:
    submission_id = begin(intake, tables())
    before = intake.get(f"/v1/submissions/{submission_id}").json()

    answer = put(intake, submission_id, table, content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    after = intake.get(f"/v1/submissions/{submission_id}").json()
    assert (after["state"], after["tables"]) == ("open", before["tables"])


def test_a_submission_without_all_its_tables_is_not_closed(intake) -> None:
    sent = tables()
    submission_id = begin(intake, {n: r for n, r in sent.items() if n != "CYP101"})

    answer = close(intake, submission_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "TABLES_MISSING")
    assert answer.json()["tables"] == ["CYP101"]
    assert put(intake, submission_id, "CYP101", written(sent["CYP101"])).status_code == 202
    assert close(intake, submission_id).status_code == 202
    again = close(intake, submission_id)
    assert (again.status_code, again.json()["code"]) == (409, "TRANSITION_REFUSED")
    late = put(intake, submission_id, "CYP101", written(sent["CYP101"]))
    assert (late.status_code, late.json()["code"]) == (409, "TRANSITION_REFUSED")


def test_a_flat_file_has_no_tables_and_tables_are_no_flat_file(intake) -> None:
    flat, several = intake.open().json()["id"], intake.open("CSDS", MONTH).json()["id"]

    answers = [
        put(intake, flat, "CYP001", written([person("P1")])),
        close(intake, flat),
        intake.put(several, written([person("P1")])),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (404, "TABLE_UNKNOWN"),
        (404, "TABLE_UNKNOWN"),
        (409, "TABLE_NOT_NAMED"),
    ]


def test_a_child_goes_with_the_parent_that_is_missing_or_set_aside(intake, dissemination) -> None:
    sent = tables()
    sent["CYP101"].append(referral("P9", "R8"))  # nobody of that number
    sent["CYP101"][2]["RP_StartDate"] = "2018-02-30"  # R3 is set aside for its own sake
    sent["CYP201"].append(contact("C8", "R8"))
    sent["CYP202"].append(activity("A8", "C8"))

    stands = submit(intake, sent)

    assert stands["state"] == "accepted"
    report = intake.get(f"/v1/submissions/{stands['id']}").json()
    entries = intake.get(f"/v1/submissions/{stands['id']}/quarantine").json()["items"]
    assert Counter((e["column"], e["code"], e["line"]) for e in entries) == Counter(
        [
            ("CYP101.RP_StartDate", "DATE_INVALID", 4),
            ("CYP101.LocalPatientID", "PARENT_NOT_LANDED", 6),
            ("CYP105.Unique_ServiceRequestID", "PARENT_NOT_LANDED", 2),
            ("CYP201.Unique_ServiceRequestID", "PARENT_NOT_LANDED", 4),
            ("CYP201.Unique_ServiceRequestID", "PARENT_NOT_LANDED", 5),
            ("CYP202.Unique_CareContactID", "PARENT_NOT_LANDED", 5),
            ("CYP202.Unique_CareContactID", "PARENT_NOT_LANDED", 6),
            ("CYP607.Unique_ServiceRequestID", "PARENT_NOT_LANDED", 3),
            ("CYP609.Unique_ServiceRequestID", "PARENT_NOT_LANDED", 3),
            ("CYP612.Unique_CareActivityID", "PARENT_NOT_LANDED", 3),
        ]
    )
    assert report["state"] == "accepted"
    left = {
        "CYP101": [r for n, r in enumerate(sent["CYP101"]) if n not in {2, 4}],
        "CYP105": sent["CYP105"][1:],
        "CYP201": sent["CYP201"][:2],
        "CYP202": sent["CYP202"][:3],
        "CYP607": sent["CYP607"][:1],
        "CYP609": sent["CYP609"][:1],
        "CYP612": sent["CYP612"][:1],
    }
    found = read(dissemination, prepared(dissemination))
    for group, names in ASKED.items():
        rows = list(Expected(sent | left, CODES).rows(group, names))
        assert without(found[group], WHO, REFERRED, ACTIVE) == without(
            rows, WHO, REFERRED, ACTIVE
        ), group


def test_a_key_that_is_there_twice_is_nobodys(intake, dissemination) -> None:
    sent = tables()
    sent["CYP201"].append(contact("C1", "R2"))

    stands = submit(intake, sent)

    entries = intake.get(f"/v1/submissions/{stands['id']}/quarantine").json()["items"]
    assert {(e["column"], e["code"], e["line"]) for e in entries} == {
        ("CYP201.Unique_CareContactID", "KEY_REPEATED", 2),
        ("CYP201.Unique_CareContactID", "KEY_REPEATED", 5),
        ("CYP202.Unique_CareContactID", "PARENT_NOT_LANDED", 2),
        ("CYP202.Unique_CareContactID", "PARENT_NOT_LANDED", 3),
        ("CYP612.Unique_CareActivityID", "PARENT_NOT_LANDED", 2),
    }


def test_rows_are_handed_back_table_by_table(intake) -> None:
    sent = tables()
    sent["CYP201"][0]["CareContact_Duration"] = "long"
    sent["CYP201"].append(contact("C8", "R8"))
    submission_id = submit(intake, sent)["id"]
    path = f"/v1/submissions/{submission_id}/quarantine/rows"

    rows = intake.get(f"{path}?table=CYP201").text.splitlines()

    assert rows[0].startswith("line,reasons,RP_StartDate,Unique_ServiceRequestID")
    assert [line.split(",")[0:2] for line in rows[1:]] == [
        ["2", "CareContact_Duration:NOT_AN_INTEGER"],
        ["5", "Unique_ServiceRequestID:PARENT_NOT_LANDED"],
    ]
    assert "RR8C8" in rows[2]
    refused = intake.get(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "TABLE_NOT_NAMED")


@pytest.mark.scenario("R20")
@pytest.mark.parametrize(
    ("data_set", "period", "status"),
    [
        ("CYPHS", "2017-09", 201),
        ("CSDS", "2017-10", 201),
        ("CYPHS", "2017-10", 422),
        ("CSDS", "2017-09", 422),
    ],
)
def test_name_and_population_change_at_the_boundary(
    intake, data_set: str, period: str, status: int
) -> None:
    answer = intake.open(data_set, period)

    assert answer.status_code == status
    assert status == 201 or answer.json()["code"] == "PERIOD_INVALID"
    known = catalogue.load()
    assert "children" in known.get("CYPHS").description
    assert "people of all ages" in known.get("CSDS").description
    assert known.get("CYPHS").releasables.keys() == known.get("CSDS").releasables.keys()


def test_one_report_tells_of_every_table(intake) -> None:
    sent = tables()
    sent["CYP201"].append(contact("C8", "R8"))
    stands = submit(intake, sent)

    with intake.parts.intake.uow.reading() as tx:
        report = tx.submissions.get(UUID(stands["id"]), Scope(None)).report

    records = {name: len(rows) for name, rows in sent.items()}
    assert {t["table"]: (t["records"], t["quarantined"]) for t in report["tables"]} == {
        name: (count, int(name == "CYP201")) for name, count in records.items()
    }
    assert report["totals"]["records"] == sum(records.values())
    assert report["totals"]["landed"] == sum(records.values()) - 1
    assert report["nhs_number"] == {
        "present": 2,
        "missing": 1,
        "invalid": 0,
        "status": {"01": 2, "07": 1},
    }
    by_name = {one["column"]: one for one in report["columns"]}
    assert by_name["CYP101.Priority_Type"]["missing"] == 1
    assert by_name["CYP201.Unique_ServiceRequestID"]["set_aside"] == 1


def test_the_order_of_rows_links_nothing(intake, dissemination) -> None:
    """Rows of one person stand otherwise in each domain, whatever the order of the tables."""
    sent = tables()
    numbers = [f"A{n}" for n in range(40)]
    random.Random(3).shuffle(numbers)
    sent["CYP202"] += [activity(n, "C1", CareActivity_Duration=n[1:]) for n in numbers]
    submit(intake, sent)
    fields = {n: t for n, t in asked().items() if n.startswith("Care_Activities.")}

    def order(**more: Any) -> list[Any]:
        (rows,) = read(dissemination, prepared(dissemination, fields, **more)).values()
        return [one["CareActivity_Duration"] for one in rows]

    one, other = order(), order(purpose="OTHER")

    assert Counter(one) == Counter(other)
    assert one != other
    assert one != sorted(one)
