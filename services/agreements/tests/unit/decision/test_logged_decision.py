"""The text under the mark of a logged decision: one for each decision, and another for any other.

An oracle writes it member by member in its own words; its bytes are in the log of old databases.
"""

import hashlib
import hmac
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agreements.decision.use_cases.ports import LoggedDecision
from common.security.keys import SEAL, Signer, generate_jwk

AT = datetime(2018, 6, 1, 9, 30, 0, 5, tzinfo=UTC)
ONE = LoggedDecision(
    id=UUID(int=1),
    at=AT,
    epoch=7,
    action="fetch",
    permitted=True,
    agreement="DARS-NIC-12345-A1B2C",
    version="1.0",
    document_hash="sha256:0",
    line=1,
    client_id="csu",
    organisation="0DF",
    capacity="processor",
    asked_by="dissemination",
    subject="file",
    inputs='{"delivery_id":"\u00e9\\n"}',
    outcome="{}",
    rules="sha256:1",
    turns_at=AT,
    token_digest="sha256:2",
    renews=UUID(int=2),
)

TEXTS = st.text(max_size=8)
IDS = st.uuids()
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=1))]))


def expected(decision: LoggedDecision) -> str:
    def said(value: object) -> str:
        if isinstance(value, str):
            return json.dumps(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat()
        return str(value)

    return "\n".join(said(getattr(decision, one.name)) for one in fields(decision))


@given(
    st.builds(
        LoggedDecision,
        id=IDS,
        at=INSTANTS,
        epoch=st.integers(),
        action=TEXTS,
        permitted=st.booleans(),
        agreement=TEXTS,
        version=st.none() | TEXTS,
        document_hash=st.none() | TEXTS,
        line=st.none() | st.integers(),
        client_id=TEXTS,
        organisation=TEXTS,
        capacity=st.none() | TEXTS,
        asked_by=TEXTS,
        subject=TEXTS,
        inputs=TEXTS,
        outcome=TEXTS,
        rules=TEXTS,
        turns_at=st.none() | INSTANTS,
        token_digest=st.none() | TEXTS,
        renews=st.none() | IDS,
    )
)
def test_every_member_is_in_the_text_as_it_always_was(decision):
    assert decision.text() == expected(decision)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("epoch", "7"),
        ("permitted", 1),
        ("permitted", "True"),
        ("line", "1"),
        ("action", 5),
        ("id", "00000000-0000-0000-0000-000000000001"),
        ("renews", "00000000-0000-0000-0000-000000000002"),
        ("turns_at", "2018-06-01T09:30:00.000005+00:00"),
        ("version", 1.0),
        ("inputs", None),
    ],
)
def test_a_value_of_another_type_is_not_taken_for_the_one_it_looks_like(member, value):
    """As a column of SQLite may hold it, for which no type is more than a wish."""
    altered = replace(ONE, **{member: value})

    assert altered.text() == expected(altered)
    assert altered.text() != ONE.text()


@pytest.mark.parametrize("member", [one.name for one in fields(LoggedDecision)])
def test_no_member_can_change_without_the_mark(member):
    others = {str: "other", int: 8, bool: False, UUID: UUID(int=9), datetime: AT + timedelta(1)}
    value = others[type(getattr(ONE, member))]

    assert replace(ONE, **{member: value}).row_digest != ONE.row_digest


def test_a_mark_is_the_mac_of_the_text_under_a_key_of_its_kind():
    private = generate_jwk()
    signer = Signer(private)
    key = hmac.digest(private["d"].encode(), f"mac of {SEAL.typ}".encode(), hashlib.sha256)

    for text in ("one", "two", "one"):
        found = signer.mac(text, typ=str(SEAL.typ))
        assert found == hmac.digest(key, text.encode(), hashlib.sha256).hex()
