"""S7: no identifier in a log line, whatever went wrong (design.md section 10)."""

import io
import json
import logging
from contextlib import contextmanager

import pytest
import structlog
import structlog.testing
from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common import logging as our_logging
from common.errors import NotFound
from common.settings import Environment, ServiceSettings

NHS_NUMBER = "9990000018"


@pytest.fixture
def as_it_was():
    """Logging is configured once a process; tests put it back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = before[:2]
    structlog.configure(**before[2])


@pytest.fixture
def lines(as_it_was):
    """What a production process would write, parsed; and the text itself."""
    root = logging.getLogger()
    settings = ServiceSettings(environment="development", log_level="DEBUG")
    our_logging.configure(settings.model_copy(update={"environment": Environment.PRODUCTION}))
    stream = io.StringIO()
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)

    class Lines:
        @property
        def text(self) -> str:
            return stream.getvalue()

        def __iter__(self):
            return map(json.loads, self.text.splitlines())

    return Lines()


@contextmanager
def logged():
    try:
        yield
    except Exception:  # noqa: BLE001 - it is what is logged
        structlog.get_logger("test").exception("it_failed")


def test_a_line_is_an_event_and_fields(lines):
    structlog.get_logger("test").info("extract_released", extract_id="abc")

    (line,) = lines
    assert (line["event"], line["extract_id"]) == ("extract_released", "abc")
    assert line["level"] == "info"


def test_the_standard_librarys_records_have_the_same_shape(lines):
    logging.getLogger("kafka").warning("broker %s went away", "b1")

    (line,) = lines
    assert line["event"] == "broker b1 went away"


@pytest.mark.parametrize("written", ["9990000018", "999 000 0018", "999-000-0018"])
def test_what_looks_like_an_nhs_number_is_masked_at_any_depth(lines, written):
    """Guard: `common.logging.mask`."""
    structlog.get_logger("test").info(
        "seen", a=f"x {written}", b=[{"c": written}], d={"e": written}
    )
    logging.getLogger("other").info("number %s", written)

    assert written not in lines.text
    assert our_logging.MASK in lines.text


def test_ids_and_digests_are_left_as_they_are(lines):
    kept = "01a202d8-0f0b-7619-8ba5-123456789012"
    structlog.get_logger("test").info("seen", id=kept, digest="sha256:" + "1234567890" * 6)

    assert kept in lines.text
    assert "1234567890" * 6 in lines.text


def test_an_exceptions_own_words_and_locals_are_left_out(lines):
    """Guard: `common.logging.describe`, which trusts only texts of ours."""
    surname = "Featherstonehaugh"
    with logged():
        raise RuntimeError(f"no record for {surname}") from KeyError(surname)

    (line,) = lines
    assert surname not in lines.text
    assert [e["type"] for e in line["exception"]] == ["RuntimeError", "KeyError"]
    assert "test_logging.py" in line["exception"][0]["frames"][-1]


def test_our_own_errors_keep_their_words(lines):
    with logged():
        raise NotFound("There is no such extract.")

    assert "NOT_FOUND: There is no such extract." in lines.text


def test_a_validation_error_does_not_quote_its_input(lines):
    class Row(BaseModel):
        number: int

    with logged(), pytest.raises(ValidationError):
        Row.model_validate({"number": "Featherstonehaugh"})
    with logged():
        Row.model_validate({"number": "Featherstonehaugh"})

    assert "Featherstonehaugh" not in lines.text


def test_a_database_error_has_its_kind_and_neither_statement_nor_parameters(
    lines, database_url, make_engine
):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE person (surname VARCHAR(40) PRIMARY KEY)"))
        insert = text("INSERT INTO person VALUES (:surname)")
        connection.execute(insert, {"surname": "Featherstonehaugh"})

    for _ in range(2):
        with logged(), engine.begin() as connection:
            connection.execute(insert, {"surname": "Featherstonehaugh"})

    assert "Featherstonehaugh" not in lines.text
    assert "sqlstate=23505" in lines.text or "SQLITE_CONSTRAINT_PRIMARYKEY" in lines.text


def test_an_sql_errors_text_has_no_parameters(database_url, make_engine):
    with pytest.raises(DBAPIError) as failed, make_engine(database_url).connect() as connection:
        connection.execute(text("SELECT :surname FROM nowhere"), {"surname": "Featherstonehaugh"})

    assert "Featherstonehaugh" not in str(failed.value)


@pytest.fixture
def quietened():
    """Another server in this process asked uvicorn to say less."""
    logging.getLogger("uvicorn.access").setLevel(logging.ERROR)


def test_what_another_server_asked_of_uvicorn_does_not_last(quietened, lines):
    assert logging.getLogger("uvicorn.access").isEnabledFor(logging.INFO)


def access(target):
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", target, "1.1", 200
    )


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/v1/files?name=Smith", "/v1/files"),
        (
            "/v1/files/019a0000-0000-7000-8000-000000000001/content",
            "/v1/files/019a0000-0000-7000-8000-000000000001/content",
        ),
        ("/v1/agreements/DARS-NIC-123456-A1B2C", "/v1/agreements/DARS-NIC-123456-A1B2C"),
        (f"/v1/files/{NHS_NUMBER}/content", "/v1/files/*/content"),
        (f"/v1/files/RAX{NHS_NUMBER}-2", "/v1/files/*"),
        ("/v1/files/S709QQ/smith/1931-07-19", "/v1/files/*/*/*"),
        ("/smith", "/*"),
    ],
)
def test_an_access_line_has_words_of_our_routes_and_our_ids_and_nothing_else(lines, target, shown):
    our_logging.know_routes(["/v1/files/{file_id}/content", "/v1/agreements"])

    access(target)

    (line,) = lines
    assert line["event"] == f'127.0.0.1:1 - "GET {shown} HTTP/1.1" 200'


def test_probes_get_no_access_line(lines):
    access("/readyz")

    assert lines.text == ""


def test_a_traceback_written_out_as_text_is_dropped(lines):
    logging.getLogger("uvicorn.error").error("Traceback (most recent call last): surname")

    assert lines.text == ""


def test_development_writes_for_people_and_as_carefully(as_it_was, capsys):
    our_logging.configure(ServiceSettings(environment="development"))
    with logged():
        raise RuntimeError(f"Featherstonehaugh {NHS_NUMBER}")
    written = capsys.readouterr().err

    assert "database_embedded" in written
    assert "it_failed" in written
    assert "RuntimeError" in written
    assert "Featherstonehaugh" not in written
    assert NHS_NUMBER not in written


_first_used = structlog.get_logger("first-used-while-a-service-configured")


def test_a_logger_that_a_configured_process_used_first_is_still_seen_by_tests(as_it_was):
    """Guard: the plugin's `without_cache`. Its order among all tests would decide else."""
    before = structlog.get_config()
    our_logging.configure(ServiceSettings(environment=Environment.DEVELOPMENT))
    _first_used.warning("while_configured")
    structlog.configure(**before)

    with structlog.testing.capture_logs() as told:
        _first_used.warning("afterwards")

    assert [line["event"] for line in told] == ["afterwards"]
