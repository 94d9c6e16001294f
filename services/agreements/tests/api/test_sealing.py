"""Rows from before there were seals are sealed once, compared with the audit log first."""

import pytest
from sqlalchemy import text

from agreements.db import repository
from agreements.db.errors import NotSealed
from agreements.db.seals import receipts
from agreements.db.seals.audit import wrong
from agreements.db.seals.first import seal_all
from agreements.records.use_cases import agreements
from agreements.records.use_cases.oversight import staff


@pytest.fixture
def old(service, monkeypatch):
    """A service with an agreement in force and a contract, as an earlier version left it."""
    with monkeypatch.context() as before:
        before.setattr(repository, "seal", lambda *_: None)
        before.setattr(receipts, "give", lambda *_, **__: None)
        before.setattr(agreements, "require_as_sealed", lambda *_, **__: None)
        before.setattr(staff, "require_as_sealed", lambda *_, **__: None)
        service.with_organisations().active()
        service.relationship()
    return service


def sealed(service, **more):
    return seal_all(service.parts.engine, service.parts.sealer, clock=service.clock, **more)


def jwks(service):
    return service.parts.signer.jwks()


def test_what_the_audit_log_tells_of_is_sealed_once(old):
    assert wrong(old.parts.engine, jwks(old)) != []

    assert len(sealed(old)) > 5

    assert wrong(old.parts.engine, jwks(old)) == []
    with pytest.raises(NotSealed):
        sealed(old)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM signature WHERE party = '0DF'",
        "UPDATE signature SET party = '0CX' WHERE party = '0DF'",
        "UPDATE agreement_version SET document = replace(document, '2019-03', '2029-03')",
        "UPDATE agreement_version SET valid_to = '2031-03-31'",
        "UPDATE agreement_party SET legal_name = 'Another' WHERE ods = '0DF'",
        "DELETE FROM agreement_line WHERE number = 2",
        "UPDATE contract SET body_signed_at = '2018-05-01 00:00:00.000000'",
        "UPDATE agreement SET terminated_at = '2018-05-01 00:00:00.000000'",
        "UPDATE relationship SET recorded_at = '2018-05-01 00:00:00.000000'",
    ],
)
def test_nothing_is_sealed_where_rows_and_audit_log_differ(old, statement):
    with old.parts.engine.begin() as connection:
        connection.execute(text("PRAGMA foreign_keys = OFF"))
        connection.execute(text(statement))

    with pytest.raises(NotSealed) as found:
        sealed(old)

    assert found.value.differences
    with old.parts.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM seal")).scalar_one() == 0
