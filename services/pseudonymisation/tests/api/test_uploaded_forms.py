"""A file in each form and dialect that can be declared, over the API: the same edition of all."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.pseudonymisation.tests.submitting import sus_row, written, zipped

ROWS = [
    sus_row(),
    sus_row(NHS_Number="9990000026", Local_Patient_ID="", Postcode="NE61 1AA"),
    sus_row(NHS_Number="1", Local_Patient_ID="BAD"),
    sus_row(Unique_CDS_Identifier="BRR8000000002", Episode_Start_Date="2018-13-10"),
]
CSV = written(ROWS)
OWN = {"edition_id", "line"}
GZIP, PARQUET = "application/gzip", "application/vnd.apache.parquet"


def parquet() -> bytes:
    file = io.BytesIO()
    typed = pa.Table.from_pylist([{k: v or None for k, v in row.items()} for row in ROWS])
    born = typed.schema.names.index("Date_of_Birth")
    days = typed["Date_of_Birth"].cast(pa.date32())
    pq.write_table(typed.set_column(born, "Date_of_Birth", days), file)
    return file.getvalue()


FORMS = [
    (CSV, "text/csv; charset=utf-8", {}, "csv"),
    (b"\xef\xbb\xbf" + CSV, "text/csv", {}, "csv"),
    (zipped(CSV), GZIP, {}, "csv.gz"),
    (parquet(), PARQUET, {}, "parquet"),
    (CSV.replace(b",", b";"), "text/csv", {"delimiter": ";"}, "csv"),
    (CSV.replace(b",", b"\t"), "text/csv", {"delimiter": "\t", "quoting": "none"}, "csv"),
    (zipped(CSV.replace(b",", b"|")), GZIP, {"delimiter": "|"}, "csv.gz"),
    (CSV, "text/csv", {"quoting": "backslash"}, "csv"),
]


def opened(intake, **declared):
    body = {"data_set": "SUS_APC", "period": "2018-04"} | declared
    answer = intake.client.post("/v1/submissions", json=body, headers=intake.headers())
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def sent(intake, content, media_type, **declared):
    submission = opened(intake, **declared)
    answer = intake.put(submission, content, **{"Content-Type": media_type})
    intake.work()
    return answer, intake.get(f"/v1/submissions/{submission}").json()


def landed(intake, submission):
    rows = intake.landed(submission["edition_id"])
    # Who has no number of his own is told from others by the edition: his token is not compared.
    return [{k: v for k, v in row.items() if not k.startswith("person_")} for row in rows]


def test_every_form_and_dialect_makes_the_same_edition_cell_by_cell(intake):
    found = []
    for content, media_type, declared, form in FORMS:
        answer, submission = sent(intake, content, media_type, **declared)
        assert answer.status_code == 202, answer.text
        assert (submission["state"], submission["content_form"]) == ("accepted", form)
        assert submission["bytes"] == len(content)
        assert submission["delimiter"] == declared.get("delimiter")
        report = intake.get(f"/v1/submissions/{submission['id']}/report").json()
        found.append((landed(intake, submission), report["totals"], report["reasons"]))

    assert all(one == found[0] for one in found)
    assert len(found[0][0]) == 2


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (CSV, GZIP, 415, "CONTENT_TYPE_MISMATCH"),
        (CSV, PARQUET, 415, "CONTENT_TYPE_MISMATCH"),
        (zipped(CSV), PARQUET, 415, "CONTENT_TYPE_MISMATCH"),
        (zipped(CSV), "text/csv", 415, "CONTENT_IS_ARCHIVE"),
        (parquet(), "text/csv", 415, "CONTENT_IS_ARCHIVE"),
        (zipped(zipped(CSV)), GZIP, 415, "CONTENT_IS_ARCHIVE"),
        (zipped(CSV)[:-9], GZIP, 422, "CONTENT_DAMAGED"),
        (parquet()[:-9], PARQUET, 422, "CONTENT_DAMAGED"),
    ],
)
def test_what_is_not_as_declared_is_refused_and_nothing_is_left_of_it(
    intake, content, media_type, status, code
):
    answer, submission = sent(intake, content, media_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (submission["state"], submission["code"]) == ("rejected", code)
    uploads = intake.directory / "landing" / "uploads"
    assert [path for path in uploads.rglob("*") if path.is_file()] == []


def test_nothing_of_a_file_lies_in_clear_whatever_its_form(intake):
    for content, media_type, declared, _ in FORMS[:4]:
        sent(intake, content, media_type, **declared)

    found = [path for path in (intake.directory / "landing").rglob("*") if path.is_file()]
    assert found
    for path in found:
        if "maps" not in path.parts:
            assert b"9990000018" not in path.read_bytes()
            assert b"PAR1" not in path.read_bytes()[:4] or "editions" in path.parts


def test_the_wrong_columns_stay_readable_and_nothing_of_the_file_is_in_them(intake):
    header, rest = CSV.split(b"\n", 1)
    names = header.replace(b"NHS_Number,", b"NHS Number,").replace(b",Sex,", b",Miss Jane Doe,")
    answer, submission = sent(intake, names + b"\n" + rest, "text/csv")

    assert answer.json()["code"] == "COLUMNS_WRONG"
    refusal = intake.get(f"/v1/submissions/{submission['id']}").json()["refusal"]
    assert refusal["missing"] == ["NHS_Number", "Sex"]
    assert refusal["close"] == [{"at": 1, "column": "NHS_Number"}]
    assert refusal["unknown_at"] == [1, header.split(b",").index(b"Sex") + 1]
    assert refusal["line"] == 1
    assert "Jane" not in answer.text + str(submission)


def test_a_file_of_another_data_set_is_told_which_it_looks_like(intake):
    answer = intake.client.post(
        "/v1/submissions",
        json={"data_set": "DIDS", "period": "2018-04"},
        headers=intake.headers(),
    )
    refused = intake.put(answer.json()["id"], CSV)

    assert refused.json()["code"] == "DATA_SET_DIFFERS"
    assert refused.json()["looks_like"][0] == "SUS_APC"
    submission = intake.get(f"/v1/submissions/{answer.json()['id']}").json()
    assert submission["refusal"]["looks_like"][0] == "SUS_APC"


@pytest.mark.parametrize("declared", [{"delimiter": "x"}, {"quoting": "odd"}, {"delimiter": ""}])
def test_a_dialect_that_is_none_is_refused(intake, declared):
    body = {"data_set": "SUS_APC", "period": "2018-04"} | declared
    answer = intake.client.post("/v1/submissions", json=body, headers=intake.headers())

    assert answer.status_code == 422


def test_ten_thousand_columns_are_refused_at_once(intake):
    names = ",".join(f"c{n}" for n in range(10_000)).encode()
    answer, submission = sent(intake, names + b"\n1\n", "text/csv")

    assert answer.json()["code"] == "COLUMNS_WRONG"
    assert len(submission["refusal"]["unknown_at"]) == 1_000
