"""The report of a file in three forms, and the history of what was measured."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from sqlmodel import Session, text

from common.security.roles import Role
from services.pseudonymisation.tests.submitting import OTHER_PROVIDER, Intake, sus_row, written

DSCRO = {"role": Role.DSCRO_OPERATOR, "ods": "X26"}


def rows(count: int = 10, **changes: str) -> list[dict[str, str]]:
    return [
        sus_row(Unique_CDS_Identifier=f"BRR8{n:09}", **(changes if n == 0 else {}))
        for n in range(count)
    ]


def report(intake: Intake, submission: str, accept: str, **caller):
    headers = intake.headers(**caller) | {"Accept": accept}
    return intake.client.get(f"/v1/submissions/{submission}/report", headers=headers)


def field(body: dict, name: str) -> dict:
    [found] = [one for one in body["fields"] if one["field"] == name]
    return found


def test_the_report_says_of_each_field_how_complete_and_valid_it_is(intake):
    submission = intake.submit(written(rows(Ethnic_Group="", Sex="7")))
    body = report(intake, submission["id"], "application/json").json()

    sex, ethnic = field(body, "Sex"), field(body, "Ethnic_Group")

    assert (sex["judged"], sex["valid"], sex["invalid"]) == (10, 9, 1)
    assert (sex["completeness"], sex["validity"]) == (1.0, 0.9)
    assert (ethnic["judged"], ethnic["missing"], ethnic["completeness"]) == (9, 0, 1.0)
    assert sex["by_period"] == [
        {"period": "2018-04", "completeness": 1.0, "national_completeness": 1.0}
    ]


def test_a_field_is_held_against_all_providers_and_the_periods_before(intake):
    intake.submit(written(rows(Ethnic_Group="")))
    later = [r | {"CDS_Activity_Date": "2018-05-10"} for r in rows(Ethnic_Group="")]
    late = [r | {"Ethnic_Group": ""} for r in later[:5]] + later[5:]
    may = intake.submit(written(late), period="2018-05")

    ethnic = field(report(intake, may["id"], "application/json").json(), "Ethnic_Group")

    assert (ethnic["completeness"], ethnic["national_completeness"]) == (0.5, 0.5)
    assert [(p["period"], p["completeness"]) for p in ethnic["by_period"]] == [
        ("2018-04", 0.9),
        ("2018-05", 0.5),
    ]


def test_the_report_as_csv_has_a_row_for_each_field(intake):
    submission = intake.submit(written(rows(Ethnic_Group="")))
    answer = report(intake, submission["id"], "text/csv")

    table = {row["field"]: row for row in csv.DictReader(io.StringIO(answer.text))}

    assert answer.headers["content-type"].startswith("text/csv")
    assert table["Ethnic_Group"]["completeness"] == "0.9"
    assert table["Ethnic_Group"]["provider"] == "RR8"


class Page(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_printed_report_runs_nothing_loads_nothing_and_says_in_words_what_it_draws(intake):
    submission = intake.submit(written(rows(Ethnic_Group="")))
    answer = report(intake, submission["id"], "text/html")
    page = Page(answer.text)

    assert answer.status_code == 200
    assert not page.named("script")
    assert not page.named("link") + page.named("img") + page.named("iframe")
    assert not [a for _, a in page.found for name in a if name.startswith("on") or name == "style"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    plots = page.named("svg")
    assert len(plots) > 50
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    assert "Completeness of Ethnic_Group by period: 2018-04 90.0%, all providers 90.0%." in [
        plot["aria-label"] for plot in plots
    ]
    assert re.search(r"Ethnic_Group.*?90\.0%", answer.text, re.DOTALL)


def test_a_report_in_another_form_is_refused(intake):
    submission = intake.submit(written(rows()))
    answer = report(intake, submission["id"], "application/pdf")

    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "text/html"])
def test_a_report_is_for_its_provider_and_the_staff_of_the_haven(intake, accept):
    submission = intake.submit(written(rows()))

    other = report(intake, submission["id"], accept, ods=OTHER_PROVIDER)
    staff = report(intake, submission["id"], accept, **DSCRO)
    csu = report(intake, submission["id"], accept, role=Role.CSU_SYSTEM, ods="0DF")

    assert (other.status_code, other.json()["code"]) == (404, "SUBMISSION_NOT_FOUND")
    assert staff.status_code == 200
    assert (csu.status_code, csu.json()["code"]) == (403, "ROLE_NOT_PERMITTED")


def test_what_only_the_sender_is_shown_is_on_no_page_for_others(intake):
    told = [r | {"Local_Patient_ID": "L1", "Sex": str(n % 2 + 1)} for n, r in enumerate(rows(4))]
    submission = intake.submit(written(told))

    mine = report(intake, submission["id"], "text/html").text
    staff = report(intake, submission["id"], "text/html", **DSCRO).text

    assert "Local identifiers of different people" in mine
    assert "Local identifiers of different people" not in staff
    assert (
        "contradictions" not in report(intake, submission["id"], "application/json", **DSCRO).text
    )


def test_a_rejected_file_has_a_report_in_every_form_and_is_no_part_of_any_rate(intake):
    bad = [r | {"Sex": "7"} for r in rows()]
    submission = intake.submit(written(bad))
    assert submission["state"] == "rejected"

    body = report(intake, submission["id"], "application/json").json()

    assert (field(body, "Sex")["invalid"], field(body, "Sex")["by_period"]) == (10, [])
    assert field(body, "Sex")["national_completeness"] is None
    page = report(intake, submission["id"], "text/html")
    assert page.status_code == 200
    assert "rejected" in page.text


# --- history --------------------------------------------------------------------------------------


def history(intake: Intake, query: str = "", **caller) -> list[dict]:
    answer = intake.get(f"/v1/data-quality/editions{query}", **caller)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_every_edition_is_in_the_history_and_superseded_ones_say_so(intake):
    intake.submit(written(rows(Ethnic_Group="")))
    intake.submit(written(rows()))

    first, second = history(intake, "?data_set=SUS_APC&provider=RR8&month=2018-04")

    assert (first["standing"], second["standing"]) == ("superseded", "in_force")
    assert first["superseded_by"] == second["edition_id"]
    assert field(first, "Ethnic_Group")["missing"] == 1
    assert field(second, "Ethnic_Group")["missing"] == 0
    assert history(intake, "?in_force=true") == [second]


def test_an_edition_that_was_taken_back_is_no_rate_of_today(intake):
    intake.submit(written(rows()))
    [edition] = history(intake)
    taken = intake.client.post(
        f"/v1/editions/{edition['edition_id']}/withdrawal",
        json={"reason": "Of another day."},
        headers=intake.headers(**DSCRO),
    )
    assert taken.status_code == 200, taken.text

    [after] = history(intake)

    assert after["standing"] == "taken_back"
    assert history(intake, "?in_force=true") == []


def test_the_history_is_of_ones_own_editions(intake):
    intake.submit(written(rows()))

    assert len(history(intake)) == len(history(intake, **DSCRO)) == 1
    assert history(intake, ods=OTHER_PROVIDER) == []


def test_the_history_comes_in_pages(intake):
    for n in range(3):
        intake.submit(written(rows(5 + n)))

    page = intake.get("/v1/data-quality/editions?limit=2").json()
    rest = intake.get(f"/v1/data-quality/editions?limit=2&after={page['next']}").json()

    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


@pytest.mark.parametrize("query", ["month=2018-13", "month=2018", "provider=r", "data_set=a b"])
def test_a_filter_that_cannot_be_is_refused(intake, query):
    answer = intake.get(f"/v1/data-quality/editions?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


def test_editions_of_an_earlier_release_are_measured_by_their_reports(intake):
    intake.submit(written(rows(Ethnic_Group="")))
    [landed] = history(intake)
    with Session(intake.parts.engine) as session:
        session.execute(text("DELETE FROM field_quality"))
        session.execute(text("DELETE FROM edition_quality"))
        session.commit()
    assert history(intake) == []

    intake.jobs.sweep()

    assert history(intake) == [landed]
