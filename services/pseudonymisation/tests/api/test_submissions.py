"""Submissions over HTTP, from the announcement to the landed edition."""

import pytest

from services.pseudonymisation.tests.submitting import Intake, sus_row, written


@pytest.fixture
def intake(tmp_path, sqlite_url, clock, identities, make_engine):
    from common.db import engine as engines
    from common.db import migrate

    engine = engines.create(sqlite_url)
    migrate.upgrade(engine, "pseudonymisation")
    engine.dispose()
    with Intake(tmp_path, sqlite_url, clock, identities).serving() as intake:
        yield intake


def test_a_good_file_becomes_an_edition(intake):
    submission = intake.submit(written([sus_row(), sus_row(NHS_Number="9990000026")]))

    assert submission["state"] == "accepted", submission
    rows = intake.landed(submission["edition_id"])
    assert len(rows) == 2
