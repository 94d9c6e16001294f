"""A net change says of single records that they are so now, or are gone, from a day on."""

import random
from datetime import timedelta

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.submitting import Intake, in_both_stores, sus_row, written

PEOPLE = numbers(2000, 2040)
STAFF = (Role.DSCRO_APPROVER, "X26")


def row(key: int, says: int, day: str, **changes: str) -> dict[str, str]:
    """A record, what it says (in a column that is landed as it is), and from when on."""
    return sus_row(
        NHS_Number=PEOPLE[key],
        Unique_CDS_Identifier=f"BRR8{key:09}",
        Main_Specialty_Code=f"{says:03}",
        Update_Type="9",
        CDS_Applicable_Date=day,
        **changes,
    )


def gone(key: int, day: str, **changes: str) -> dict[str, str]:
    return row(key, 0, day) | {"Update_Type": "1"} | changes


def change(intake: Intake, *rows: dict[str, str], **more: str) -> dict:
    return intake.submit(written(rows), protocol="net_change", **more)


def whole(intake: Intake, *rows: dict[str, str]) -> dict:
    sent = intake.submit(written(rows))
    assert sent["state"] == "accepted", sent
    return sent


def says(intake: Intake, sent: dict) -> list[str]:
    assert sent["state"] == "accepted", sent
    return sorted(r["Main_Specialty_Code"] for r in intake.landed(sent["edition_id"]))


def totals(intake: Intake, sent: dict) -> dict[str, int]:
    return intake.get(f"/v1/submissions/{sent['id']}/report").json()["totals"]


def in_force(intake: Intake) -> list[str]:
    with intake.parts.preparation_uow.reading() as tx:
        return [str(e.id) for e in tx.landed.current_editions("SUS_APC")]


@in_both_stores
def test_it_inserts_replaces_and_takes_back_and_leaves_the_rest(intake):
    former = whole(intake, *(row(n, 100 + n, "2018-04-20") for n in range(4)))

    sent = change(
        intake,
        row(1, 201, "2018-04-21"),
        gone(2, "2018-04-21"),
        row(7, 207, "2018-04-21"),
        gone(9, "2018-04-21"),
    )

    assert says(intake, sent) == ["100", "103", "201", "207"]
    assert in_force(intake) == [sent["edition_id"]]
    edition = intake.get(f"/v1/editions/{sent['edition_id']}").json()
    assert (edition["rows"], edition["protocol"], edition["number"]) == (4, "net_change", 2)
    old = intake.get(f"/v1/editions/{former['edition_id']}").json()
    assert old["superseded_by"] == sent["edition_id"]
    counted = totals(intake, sent)
    assert {name: counted[name] for name in ("records", "landed", "kept", "adds_nothing")} == {
        "records": 4,
        "landed": 4,
        "kept": 2,
        "adds_nothing": 2,
    }
    assert [counted[n] for n in ("inserted", "replaced", "deleted", "ignored")] == [1, 1, 1, 0]
    report = intake.get(f"/v1/submissions/{sent['id']}/report").json()
    assert report["deletions_without_match"] == 1
    assert len({r["line"] for r in intake.landed(sent["edition_id"])}) == 4
    assert sent["replaced"]["people"]["removed"] == 1


def test_an_older_change_is_ignored_and_one_of_the_same_day_is_not(intake):
    whole(intake, row(0, 100, "2018-04-20"), row(1, 101, "2018-04-20"))

    sent = change(intake, row(0, 200, "2018-04-19"), row(1, 201, "2018-04-20"))

    assert says(intake, sent) == ["100", "201"]
    assert totals(intake, sent)["ignored"] == 1
    assert says(intake, change(intake, gone(0, "2018-04-19"))) == ["100", "201"]


@in_both_stores
def test_what_was_taken_back_is_not_brought_back_by_an_older_change(intake):
    whole(intake, row(0, 100, "2018-04-20"), row(1, 101, "2018-04-20"))
    change(intake, gone(0, "2018-04-25"))

    # Of another file in between too: what is gone is remembered from edition to edition.
    change(intake, row(1, 201, "2018-04-26"))
    old = change(intake, row(0, 300, "2018-04-24"))
    assert says(intake, old) == ["201"]
    new = change(intake, row(0, 400, "2018-04-25"))

    assert says(intake, new) == ["201", "400"]
    assert says(intake, change(intake, row(0, 500, "2018-04-24"))) == ["201", "400"]


def test_a_record_that_was_never_there_is_taken_back_for_what_comes_late(intake):
    whole(intake, row(0, 100, "2018-04-20"))
    change(intake, gone(5, "2018-04-25"))

    assert says(intake, change(intake, row(5, 205, "2018-04-24"))) == ["100"]


def test_within_a_file_the_newest_day_counts_and_then_the_line(intake):
    whole(intake, row(0, 100, "2018-04-20"))

    sent = change(
        intake,
        row(1, 201, "2018-04-22"),
        row(1, 202, "2018-04-21"),
        row(2, 301, "2018-04-22"),
        gone(2, "2018-04-22"),
        gone(3, "2018-04-22"),
        row(3, 302, "2018-04-22"),
    )

    assert says(intake, sent) == ["100", "201", "302"]


def test_without_an_edition_the_change_is_all_there_is(intake):
    sent = change(intake, row(0, 100, "2018-04-20"), gone(1, "2018-04-20"))

    assert says(intake, sent) == ["100"]
    assert says(intake, change(intake, row(1, 101, "2018-04-19"))) == ["100"]


def test_a_file_of_deletions_alone_is_a_good_file(intake):
    whole(intake, row(0, 100, "2018-04-20"), row(1, 101, "2018-04-20"))

    assert says(intake, change(intake, gone(0, "2018-04-21"))) == ["101"]
    assert says(intake, change(intake, gone(1, "2018-04-21"))) == []


def test_rows_of_a_whole_period_without_a_day_are_older_than_any_change(intake):
    bare = row(0, 100, "2018-04-20")
    del bare["CDS_Applicable_Date"]
    whole(intake, bare)

    assert says(intake, change(intake, row(0, 200, "2018-04-01"))) == ["200"]


def test_another_providers_record_with_the_same_key_is_another_record(intake):
    whole(intake, row(0, 100, "2018-04-20"))

    other = {"Provider_Code": "8J094", "Site_Code_of_Treatment": "8J094"}
    sent = change(intake, gone(0, "2018-04-21", **other))
    assert says(intake, sent) == ["100"]
    assert says(intake, change(intake, row(0, 200, "2018-04-21", **other))) == ["100", "200"]


BAD = (
    (row(5, 205, ""), "VALUE_MISSING"),
    (row(5, 205, "2018-02-30"), "DATE_INVALID"),
    (row(5, 205, "2999-01-01"), "APPLICABLE_IN_FUTURE"),
    (row(5, 205, "unknown"), "VALUE_MISSING"),
    (gone(0, ""), "VALUE_MISSING"),
    (gone(0, "2999-01-01"), "APPLICABLE_IN_FUTURE"),
    (row(5, 205, "2018-04-21") | {"Unique_CDS_Identifier": ""}, "VALUE_MISSING"),
    (gone(0, "2018-04-21") | {"Unique_CDS_Identifier": "n/a"}, "VALUE_MISSING"),
    (gone(0, "2018-04-21") | {"Provider_Code": "R0A"}, "PROVIDER_WITHOUT_RIGHT"),
)


def test_a_row_that_does_not_say_what_or_from_when_is_set_aside(intake):
    good = [
        row(n % 20, 300, "2018-04-21") | {"Unique_CDS_Identifier": f"BX{n:09}"} for n in range(200)
    ]
    whole(intake, row(0, 100, "2018-04-20"), row(1, 101, "2018-04-20"), *good)

    sent = change(intake, *(bad for bad, _ in BAD), *good)

    assert says(intake, sent)[:3] == ["100", "101", "300"]
    found = intake.get(f"/v1/submissions/{sent['id']}/quarantine").json()["items"]
    assert [(one["line"], one["code"]) for one in found] == [
        (line, code) for line, (_, code) in enumerate(BAD, start=2)
    ]


@pytest.mark.parametrize(
    ("protocol", "stated", "aside"),
    [("net_change", "020", 1), ("net_change", "010", 0), ("bulk", "010", 1), ("bulk", "020", 0)],
)
def test_a_row_that_says_that_it_came_otherwise_is_set_aside(intake, protocol, stated, aside):
    rows = [row(n, 300, "2018-04-21", CDS_Protocol_Identifier_Code="") for n in range(20)]
    rows[3]["CDS_Protocol_Identifier_Code"] = stated
    part = {"recipient": "02P", "group": "010"} if protocol == "bulk" else {}

    sent = intake.submit(written(rows), protocol=protocol, **part)

    assert totals(intake, sent)["quarantined"] == aside
    report = intake.get(f"/v1/submissions/{sent['id']}/report").json()
    codes = [one["code"] for one in report["reasons"]]
    assert codes == ["PROTOCOL_CONTRADICTED"] * aside


def test_a_column_with_the_day_is_needed(intake):
    bare = row(0, 100, "2018-04-20")
    del bare["CDS_Applicable_Date"]
    opened = intake.open(protocol="net_change").json()

    answer = intake.put(opened["id"], written([bare]))

    assert (answer.status_code, answer.json()["missing"]) == (422, ["CDS_Applicable_Date"])


SPOILT = {
    "landing_rules_digest": "'sha256:00'",
    "unsafe_at": "'2018-05-01 00:00:00'",
    "state": "'leaving'",
    "postcode_map_digest": "'sha256:00'",
    "organisation_map_id": "'00000000-0000-0000-0000-000000000000'",
    "catalogue_digest": "'sha256:00'",
    "columns": "NULL",
    "areas_untold": "'[\"nowhere\"]'",
}
"""How an edition may have been made otherwise, or not be fit to rest on."""


def test_it_is_not_merged_with_what_was_made_otherwise_and_is_told_what_to_do(intake):
    landed = whole(intake, row(0, 100, "2018-04-20"))

    def refused() -> dict:
        sent = change(intake, row(1, 200, "2018-04-21"))
        assert "Submit the whole period once" in sent["detail"]
        return (sent["state"], sent["code"])

    for column, value in SPOILT.items():
        with intake.parts.engine.begin() as connection:
            (before,) = connection.exec_driver_sql(f'SELECT "{column}" FROM edition').one()
            connection.exec_driver_sql(f'UPDATE edition SET "{column}" = {value}')
        assert refused() == ("rejected", "NET_CHANGE_BASE_UNSUITABLE"), column
        with intake.parts.engine.begin() as connection:
            connection.exec_driver_sql(f'UPDATE edition SET "{column}" = ?', (before,))
    intake.parts.keys.destroy(f"edition/{landed['edition_id']}")
    assert refused() == ("rejected", "NET_CHANGE_BASE_UNSUITABLE")
    assert in_force(intake) == [landed["edition_id"]]


def test_while_an_edition_waits_nothing_is_merged_and_nothing_is_lost(intake):
    whole(intake, *(row(n, 100, "2018-04-20") for n in range(30)))
    many = [
        row(n, 200, "2018-04-20") | {"Unique_CDS_Identifier": f"B{part}{n}"}
        for part in "XYZ"
        for n in range(30)
    ]
    waiting = intake.submit(written(many))
    assert waiting["state"] == "waiting"

    sent = change(intake, row(1, 200, "2018-04-21"))

    assert (sent["state"], sent["code"]) == ("rejected", "NET_CHANGE_BLOCKED")
    assert intake.get(f"/v1/submissions/{waiting['id']}").json()["state"] == "waiting"


def withdraw(intake: Intake, sent: dict):
    return intake.client.post(
        f"/v1/editions/{sent['edition_id']}/withdrawal",
        json={"reason": "the provider said by telephone what is right"},
        headers=intake.headers(*STAFF),
    )


def test_an_edition_is_not_taken_back_while_another_has_its_records(intake):
    first = whole(intake, row(0, 100, "2018-04-20"))
    second = change(intake, row(1, 101, "2018-04-21"))

    refused = withdraw(intake, first)
    assert (refused.status_code, refused.json()["code"]) == (409, "EDITION_MERGED")
    assert refused.json()["edition"] == second["edition_id"]

    assert withdraw(intake, second).status_code == 200
    assert in_force(intake) == [first["edition_id"]]
    assert withdraw(intake, first).status_code == 200
    assert in_force(intake) == []


def test_what_was_found_in_rows_that_stay_is_still_told(intake):
    found = {"Der_Primary_Diagnosis_Code": "n/a"}
    whole(intake, row(0, 100, "2018-04-20", **found), row(1, 101, "2018-04-20"))
    fewer = row(1, 201, "2018-04-21")
    fewer = {name: fewer[name] for name in reversed(fewer)}  # in another order than before

    sent = change(intake, fewer)

    report = intake.get(f"/v1/submissions/{sent['id']}/report").json()
    found = [(f["column"], f["code"], f["rows"]) for f in report["findings"]]
    assert found == [("Der_Primary_Diagnosis_Code", "VALUE_VOID", 1)]


def test_what_was_written_beside_an_edition_goes_with_it_and_stays_with_it(intake):
    whole(intake, row(0, 100, "2018-04-20"), row(1, 101, "2018-04-20"))
    sent = change(intake, gone(0, "2018-04-25"))
    folder = intake.directory / "landing" / "editions" / sent["edition_id"]

    assert len(list(folder.glob("*.deleted.parquet"))) == 1
    for file in folder.iterdir():
        assert b"BRR8" not in file.read_bytes()
    intake.clock.advance(timedelta(days=30))
    intake.jobs.sweep()
    assert len(list(folder.glob("*.deleted.parquet"))) == 1


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 12))]
)
def test_many_changes_are_what_a_dictionary_would_make_of_them(intake, seed):
    """An oracle by single steps: a key, its newest day, and what it says or that it is gone."""
    made = random.Random(seed)
    there: dict[int, tuple[str, int | None]] = {}

    def day() -> str:
        return f"2018-04-{made.randint(10, 20)}"

    first = {key: (day(), 100 + key) for key in made.sample(range(12), 6)}
    there.update(first)
    sent = whole(intake, *(row(key, said, on) for key, (on, said) in first.items()))
    for step in range(3):
        rows, newest = [], {}
        for _ in range(9):
            key, on, is_gone = made.randrange(12), day(), made.random() < 0.4
            said = None if is_gone else made.randint(200, 900)
            rows.append(gone(key, on) if is_gone else row(key, said, on))
            if key not in newest or on >= newest[key][0]:
                newest[key] = (on, said)
        for key, (on, said) in newest.items():
            if key not in there or on >= there[key][0]:
                there[key] = (on, said)
        sent = change(intake, *rows)
        expected = sorted(f"{said:03}" for _, said in there.values() if said is not None)
        assert says(intake, sent) == expected, step
