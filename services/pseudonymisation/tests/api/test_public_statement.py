"""What everybody may read before applying: coverage and validity, without a small number."""

import csv
import io

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.submitting import OTHER_PROVIDER, Intake, sus_row, written


def rows(count: int = 40, missing: int = 0) -> list[dict[str, str]]:
    return [
        sus_row(
            Unique_CDS_Identifier=f"BRR8{n:09}",
            Ethnic_Group="" if n < missing else "A",
        )
        for n in range(count)
    ]


def statement(intake: Intake, query: str = "", **headers: str):
    return intake.client.get(f"/v1/data-quality{query}", headers=headers)


def field(item: dict, name: str) -> dict:
    [found] = [one for one in item["fields"] if one["field"] == name]
    return found


def test_everybody_may_read_how_complete_data_are_and_no_small_number(intake):
    intake.submit(written(rows(missing=3)))
    body = statement(intake).json()

    [item] = body["items"]

    assert (item["data_set"], item["period"], item["provider"]) == ("SUS_APC", "2018-04", "RR8")
    assert (item["records"], item["rule"]) == ("40", "HES")
    assert field(item, "Ethnic_Group")["completeness"] == "*"
    assert field(item, "Sex")["completeness"] == "100"
    assert body["coverage"] == [
        {"data_set": "SUS_APC", "period": "2018-04", "providers": 1, "expected": 0}
    ]


def test_coverage_is_held_against_who_should_send(intake):
    for provider in ("RR8", "R0A"):
        made = intake.client.post(
            "/v1/expectations",
            json={
                "data_set": "SUS_APC",
                "provider": provider,
                "from": "2018-04",
                "reason": "Acute contract of 2018/19.",
            },
            headers=intake.headers(Role.DSCRO_OPERATOR, "X26"),
        )
        assert made.status_code == 201, made.text
    intake.submit(written(rows()))

    [coverage] = statement(intake).json()["coverage"]

    assert (coverage["providers"], coverage["expected"]) == (1, 2)


def test_of_few_records_there_is_no_rate_and_no_count(intake):
    intake.submit(written(rows(5)))
    [item] = statement(intake).json()["items"]

    assert item["records"] == "*"
    assert {one["completeness"] for one in item["fields"]} == {"-"}


def test_only_what_is_in_force_is_stated(intake):
    first = intake.submit(written(rows(40)))
    intake.submit(written(rows(41)))

    [item] = statement(intake).json()["items"]

    assert item["edition_id"] != first["edition_id"]


def test_the_statement_is_filtered_and_comes_in_pages(intake):
    for n in range(3):
        moved = [r | {"CDS_Activity_Date": f"2018-0{n + 3}-10"} for r in rows(40)]
        intake.submit(written(moved), period=f"2018-0{n + 3}")

    page = statement(intake, "?limit=2").json()
    rest = statement(intake, f"?limit=2&after={page['next']}").json()

    assert [one["period"] for one in page["items"] + rest["items"]] == [
        "2018-03",
        "2018-04",
        "2018-05",
    ]
    assert rest["next"] is None
    assert len(statement(intake, "?month=2018-05").json()["items"]) == 1
    assert statement(intake, "?provider=R0A").json()["items"] == []

    def between(query: str) -> list[str]:
        return [one["period"] for one in statement(intake, query).json()["items"]]

    assert between("?from=2018-04") == ["2018-04", "2018-05"]
    assert between("?to=2018-03") == ["2018-03"]
    assert between("?from=2018-04&to=2018-04") == ["2018-04"]
    assert between("?from=2018-06") == between("?to=2018-02") == []
    following = statement(intake, "?from=2018-04&limit=1", Accept="text/html").text
    assert "&amp;from=2018-04" in following
    assert statement(intake, "?data_set=DIDS").json()["items"] == []


def test_data_sets_of_which_nothing_is_stated_are_named_with_the_reason(intake):
    left_out = {one["data_set"]: one["reason"] for one in statement(intake).json()["not_stated"]}

    assert set(left_out) == {"SHMI", "GPW", "CSDS", "CYPHS"}
    assert statement(intake, "?data_set=SUS_APC").json()["not_stated"] == []


def spells(count: int = 40) -> bytes:
    return written(
        [
            {
                "SPELL_KEY": f"S{n}",
                "EPIKEY": f"E{n}",
                "PROCODE3": "RR8",
                "DISDATE": "2017-12-15",
                "SEX": "1" if n else "",
            }
            for n in range(count)
        ]
    )


def test_an_edition_of_shmi_is_stated_once_it_is_published_and_not_before(intake):
    for period in ("2018-03", "2018-04"):
        sent = intake.submit(spells(), data_set="SHMI", period=period)
        assert sent["state"] == "accepted", sent
    before = statement(intake, "?data_set=SHMI").json()
    assert (before["items"], before["coverage"]) == ([], [])
    assert "no period of it is published yet" in before["not_stated"][0]["reason"]

    intake.publications.periods = {"SHMI": {"2018-03"}, "SUS_APC": {"2018-04"}}

    body = statement(intake, "?data_set=SHMI").json()
    [item] = body["items"]
    assert (item["period"], item["records"], item["rule"]) == ("2018-03", "40", "SHMI")
    assert field(item, "PROCODE3")["completeness"] == "100"
    assert field(item, "SEX")["completeness"] == "*"  # one is missing: a small number
    assert body["not_stated"] == []


def test_where_nobody_can_say_what_is_published_the_rest_is_stated(intake):
    assert intake.submit(spells(), data_set="SHMI", period="2018-03")["state"] == "accepted"
    intake.submit(written(rows()))
    intake.publications.periods = {"SHMI": {"2018-03"}}
    intake.publications.is_away = True

    body = statement(intake).json()

    assert [one["data_set"] for one in body["items"]] == ["SUS_APC"]
    reasons = {one["data_set"]: one["reason"] for one in body["not_stated"]}
    assert "cannot be said at the moment" in reasons["SHMI"]
    assert "set for each application" in reasons["GPW"]


def test_the_statement_is_to_be_had_as_csv(intake):
    intake.submit(written(rows(missing=3)))
    answer = statement(intake, Accept="text/csv")

    table = {row["field"]: row for row in csv.DictReader(io.StringIO(answer.text))}

    assert table["Ethnic_Group"]["completeness_percent"] == "*"
    assert table["Sex"]["records"] == "40"


def test_the_page_loads_nothing_and_says_what_it_draws(intake):
    intake.submit(written(rows(missing=3)))
    answer = statement(intake, Accept="text/html,application/xhtml+xml,*/*;q=0.8")

    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert "Completeness of Sex: 100 per cent." in answer.text
    assert "Completeness of Ethnic_Group:" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_page_with_nothing_on_it_says_so(intake):
    assert (
        "Nothing is in force of SUS_APC"
        in statement(intake, "?data_set=SUS_APC", Accept="text/html").text
    )


def test_another_form_is_refused(intake):
    answer = statement(intake, Accept="application/pdf")

    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize("path", ["/v1/data-quality", "/v1/data-quality/editions"])
def test_a_range_that_ends_before_it_begins_is_refused(intake, path):
    query = "?from=2018-05&to=2018-04"
    answer = intake.client.get(path + query, headers=intake.headers(Role.DSCRO_OPERATOR, "X26"))

    assert (answer.status_code, answer.json()["code"]) == (422, "WINDOW_INVALID")


@pytest.mark.parametrize(
    "query", ["?month=2018-4", "?from=2018-4", "?providr=RR8", "?data_set=%3Cscript%3E"]
)
def test_a_filter_that_cannot_be_is_refused_and_not_repeated(intake, query):
    answer = statement(intake, query, Accept="text/html")

    assert answer.status_code in {406, 422}
    assert "script" not in answer.text


def test_the_statement_says_nothing_of_who_sent_a_file_or_of_what_was_refused(intake):
    intake.submit(written([r | {"Sex": "7"} for r in rows()]))
    text = statement(intake).text

    assert "submission" not in text
    assert statement(intake).json()["items"] == []
    assert Role.PROVIDER_SYSTEM.value not in text
    assert OTHER_PROVIDER not in text
