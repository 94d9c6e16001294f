"""Tables over HTTP: asked for, decided, released and fetched by the same door as extracts."""

import pytest

from dissemination.db.tables import ExtractRow, RegisterLineRow

TABLE = {
    "agreement": "DARS-NIC-123456-A1B2C",
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "AGGREGATE_SUPPRESSED",
    "periods": ["2018-04"],
    "dimensions": [{"column": "Sex"}, {"column": "Period_Month", "within": ["Period_Quarter"]}],
}


def ask(house, *, headers=None, **changes):
    return house.call("POST", "/v1/tabulations", json=TABLE | changes, headers=headers or {})


def get(house, tabulation):
    answer = house.call("GET", f"/v1/tabulations/{tabulation}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def released(house, until):
    answer = ask(house)
    assert answer.status_code == 202, answer.text
    id_ = answer.json()["id"]

    def there():
        found = get(house, id_)
        return found if found["state"] == "released" else None

    return until(there)


@pytest.fixture
def until():
    from services.dissemination.tests.conftest import until as wait

    return wait


def test_what_is_asked_of_agreements_and_of_the_haven_is_the_table(house):
    answer = ask(house)

    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/tabulations/{answer.json()['id']}"
    (asked,) = house.agreements.questions("request")
    assert asked.resource["properties"]["table"] == {
        "measure": "records", "dimensions": TABLE["dimensions"],
    }  # fmt: skip
    assert asked.resource["properties"]["fields"] == ["Sex"]
    assert answer.json()["measure"] == "records"
    assert answer.json()["dimensions"][1]["within"] == ["Period_Quarter"]


def test_a_table_is_released_fetched_and_in_the_register_as_an_extract_is(house, until):
    made = released(house, until)
    (file,) = made["files"]

    manifest = house.call("GET", file["manifest"]).json()["manifest"]
    content = house.call("GET", file["content"])

    assert manifest["table"]["certificate"].startswith("sha256:")
    assert manifest["table"]["hidden"] == {"small": 3}
    assert manifest["order"] if "order" in manifest else manifest["file"]["order"] == "category"
    assert content.status_code == 200
    assert content.content == house.haven.content
    assert str(file["id"]) in {str(row.file_id) for row in house.rows(RegisterLineRow.file_id)}
    listed = house.call("GET", f"/v1/tabulations/{made['id']}/files").json()["items"]
    assert [one["id"] for one in listed] == [file["id"]]


def test_several_measures_are_asked_for_at_once_each_of_them_once(house):
    answer = ask(house, further_measures=["people"])
    again = ask(house, further_measures=["people", "people"])
    same = ask(house, measure="people", further_measures=["people"])

    assert answer.status_code == 202, answer.text
    assert answer.json()["further_measures"] == ["people"]
    (asked,) = house.agreements.questions("request")
    assert asked.resource["properties"]["table"]["further_measures"] == ["people"]
    assert (again.status_code, same.status_code) == (422, 422)


def test_a_table_that_is_to_stand_beside_others_says_with_which(house):
    answer = ask(house, linked_data_sets=["SHMI"])
    itself = ask(house, linked_data_sets=["SUS_APC"])
    twice = ask(house, linked_data_sets=["SHMI", "SHMI"])

    assert answer.json()["linked_data_sets"] == ["SHMI"]
    assert {one.status_code for one in (itself, twice)} == {422}
    (asked,) = house.agreements.asked
    assert asked.resource["properties"]["table"]["linked_data_sets"] == ["SHMI"]


def test_tables_and_extracts_are_listed_each_by_themselves(house):
    table, extract = ask(house).json()["id"], house.ask().json()["id"]

    tables = {one["id"] for one in house.call("GET", "/v1/tabulations?limit=200").json()["items"]}
    extracts = {one["id"] for one in house.call("GET", "/v1/extracts?limit=200").json()["items"]}

    assert table in tables - extracts
    assert extract in extracts - tables


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/files"), ("POST", "/withdrawal")]
)
def test_what_is_of_the_other_kind_is_not_there(house, method, path):
    table, extract = ask(house).json()["id"], house.ask().json()["id"]

    no_table = house.call(method, f"/v1/tabulations/{extract}{path}")
    no_extract = house.call(method, f"/v1/extracts/{table}{path}")

    assert (no_table.status_code, no_table.json()["code"]) == (404, "TABULATION_NOT_FOUND")
    assert (no_extract.status_code, no_extract.json()["code"]) == (404, "EXTRACT_NOT_FOUND")


def test_a_refusal_names_every_code_and_writes_nothing_but_the_log(house):
    house.agreements.refuse("request", "DIMENSION_NOT_IN_DSA", "DISCLOSURE_RULE_MISSING")
    before = len(house.rows(ExtractRow.id))

    answer = ask(house)

    assert answer.status_code == 403
    assert [r["code"] for r in answer.json()["refusals"]] == [
        "DIMENSION_NOT_IN_DSA",
        "DISCLOSURE_RULE_MISSING",
    ]
    assert len(house.rows(ExtractRow.id)) == before
    assert house.leaves()[-1]["action"] == "extract-refused"
    assert house.leaves()[-1]["detail"]["request"]["table"]["measure"] == "records"


def test_the_same_key_again_is_the_same_table_and_no_second_permit(house):
    headers = {"Idempotency-Key": "table-1"}

    first, again = ask(house, headers=headers), ask(house, headers=headers)
    other = ask(house, headers=headers, dimensions=[{"column": "Sex"}])

    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409
    assert len(house.agreements.questions("request")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"classification": "PSEUDO_ANONYMISED"},
        {"dimensions": []},
        {"dimensions": [{"column": "Sex"}, {"column": "Sex"}]},
        {"fields": ["Sex"]},
        {"measure": "9990000018"},
    ],
)
def test_a_body_that_is_no_table_is_refused_and_nothing_of_it_is_told(house, wrong):
    answer = ask(house, **wrong)

    assert answer.status_code == 422
    assert "9990000018" not in answer.text


def test_a_table_can_be_taken_back_before_its_release(house):
    house.haven.prepares = False
    asked = ask(house).json()["id"]

    answer = house.call("POST", f"/v1/tabulations/{asked}/withdrawal")

    assert answer.json()["state"] == "withdrawn"


MEDIA_TYPES = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def test_every_format_of_a_table_is_fetched_as_what_it_is_and_never_shown_in_place(house, until):
    id_ = ask(house, formats=sorted(MEDIA_TYPES)).json()["id"]
    until(lambda: get(house, id_)["state"] == "released")

    files = {one["format"]: one for one in get(house, id_)["files"]}

    assert sorted(files) == sorted(MEDIA_TYPES)
    for form, media_type in MEDIA_TYPES.items():
        content = house.call("GET", files[form]["content"])
        assert content.headers["content-type"].split(";")[0] == media_type
        assert content.headers["content-disposition"].startswith("attachment;")
        assert content.headers["content-disposition"].endswith(f'.{form}"')


@pytest.mark.parametrize("form", ["xlsx", "json", "html"])
def test_records_are_not_written_as_tables_are(house, form):
    answer = house.ask(formats=[form])

    assert answer.status_code == 422
    assert "formats" in answer.text
