"""What an applicant is told to read before applying: once for each data set."""

import pytest
from pydantic import ValidationError

from applications.domain.notes import of_data_quality
from applications.settings import Settings
from common.settings import Environment

STATEMENT = "https://haven.example/v1/data-quality"


def test_each_data_set_is_named_once_at_its_first_line():
    lines = [
        ("/sections/7/lines/0", "SUS_APC"),
        ("/sections/7/lines/1", "ECDS"),
        ("/sections/7/lines/2", "SUS_APC"),
    ]

    notes = of_data_quality(lines, statement=STATEMENT)

    assert [(note.pointer, note.href) for note in notes] == [
        ("/sections/7/lines/0", f"{STATEMENT}?data_set=SUS_APC"),
        ("/sections/7/lines/1", f"{STATEMENT}?data_set=ECDS"),
    ]


def test_without_a_line_there_is_nothing_to_read():
    assert of_data_quality([], statement=STATEMENT) == ()


def test_a_name_cannot_change_where_a_link_leads():
    [note] = of_data_quality([("/sections/7/lines/0", "A&b=c#d")], statement=STATEMENT)

    assert note.href == f"{STATEMENT}?data_set=A%26b%3Dc%23d"


def test_the_statement_is_where_the_service_knows_it_unless_applicants_reach_it_elsewhere():
    urls = {"pseudonymisation": "http://127.0.0.1:9403"}

    of_service = Settings(environment=Environment.DEVELOPMENT, service_urls=urls)
    elsewhere = Settings(environment=Environment.DEVELOPMENT, data_quality_url=STATEMENT)

    assert of_service.statement_url == "http://127.0.0.1:9403/v1/data-quality"
    assert elsewhere.statement_url == STATEMENT
    with pytest.raises(ValidationError):
        Settings(environment=Environment.DEVELOPMENT, data_quality_url="javascript:alert(1)")
