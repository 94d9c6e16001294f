"""An answer that is written at once has the bytes of its schema."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agreements.decision.api.schemas import answers
from agreements.decision.api.schemas.answers import Decided
from agreements.decision.use_cases.asking import Answer
from agreements.records.domain.leases import Lease
from common.errors import Refusal
from common.security.keys import Signer, generate_jwk
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import permit_of
from statements.line import AgreementVersion

SIGNER = Signer(generate_jwk())
AT = datetime(2018, 6, 1, 12, 0, 30, 5, tzinfo=UTC)
GIVEN = permit_of(plain.permit())

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
INSTANTS = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=1))]),
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - it gets its zone beside
)
SECONDS = st.floats(min_value=0, max_value=1e17) | st.integers(0, 60).map(float)
LEASES = st.builds(Lease, seconds=SECONDS, until=st.none() | INSTANTS)
AGREEMENTS = st.builds(AgreementVersion, reference=TEXTS, version=TEXTS, document_hash=TEXTS)
NUMBERS = st.integers(0, 2**53)
REFUSALS = st.builds(Refusal, code=st.just("LEASE_ENDED"), detail=TEXTS, subject=st.none() | TEXTS)


def an_answer(**members: Any) -> Answer:
    said: dict[str, Any] = {"decision_id": UUID(int=7), "epoch": 3, "at": AT, "permitted": True}
    return Answer(**said | members)


@pytest.fixture(autouse=True)
def one_signature(monkeypatch):
    """Sign a permit once: ECDSA signs the same otherwise each time."""
    signed = answers.sign(GIVEN, SIGNER)
    monkeypatch.setattr(answers, "sign", lambda permit, signer: signed)


@given(
    st.builds(
        Answer,
        decision_id=st.uuids(),
        epoch=NUMBERS,
        at=st.just(AT),
        permitted=st.just(True),
        agreement=st.none() | AGREEMENTS,
        permit=st.none() | st.just(GIVEN) | INSTANTS.map(lambda at: replace(GIVEN, issued_at=at)),
        holding_id=st.none() | st.uuids(),
        domain=st.none() | TEXTS,
        line=st.none() | NUMBERS,
        on_behalf_of=st.lists(TEXTS, max_size=3).map(tuple),
        lease=st.none() | LEASES,
    )
)
@example(an_answer())
@example(an_answer(lease=Lease(0.0, None)))
@example(an_answer(lease=Lease(1e16, datetime(2018, 1, 1, tzinfo=UTC)), line=0))
@example(an_answer(permit=GIVEN, on_behalf_of=('"\\\u2028\x7f\x00\n\U0001f600',)))
def test_a_yes_has_the_bytes_of_its_schema(answer):
    decided = Decided(answer, SIGNER)

    assert decided.written() == decided.evaluation().model_dump_json(exclude_none=True).encode()


@given(st.lists(REFUSALS, max_size=3), st.lists(TEXTS, max_size=2))
def test_a_no_is_written_by_its_schema(refusals, on_behalf_of):
    answer = an_answer(permitted=False, refusals=tuple(refusals), on_behalf_of=tuple(on_behalf_of))
    decided = Decided(answer, SIGNER)

    assert decided.written() == decided.evaluation().model_dump_json(exclude_none=True).encode()
    assert decided.written().startswith(b'{"decision":false')


@pytest.mark.parametrize("more", [{"permit": GIVEN}, {"lease": Lease(5.0, AT)}])
def test_a_no_stays_one_whatever_comes_with_it(more):
    answer = an_answer(
        permitted=False, refusals=(Refusal(code="LEASE_ENDED", detail="It ended."),), **more
    )

    assert Decided(answer, SIGNER).written().startswith(b'{"decision":false')


def test_whoever_adds_a_member_to_answers_says_here_how_it_is_written():
    at_once = {"decision_id", "epoch", "on_behalf_of", "agreement", "permit", "line", "lease"}
    by_the_schema = {"refusals", "holding_id", "terms", "domain", "match"}

    assert {one.name for one in fields(Answer)} == at_once | by_the_schema | {"permitted", "at"}


def test_a_released_file_is_answered_with_its_holding_and_terms():
    answer = an_answer(holding_id=UUID(int=9), line=1)

    assert UUID(int=9).hex in Decided(answer, SIGNER).written().decode().replace("-", "")


@pytest.mark.parametrize("more", [{"permit": GIVEN}, {"lease": Lease(5.0, AT)}])
def test_a_yes_to_a_request_or_a_fetch_is_not_written_by_its_schema(monkeypatch, more):
    def refused(_: Decided) -> None:
        raise AssertionError("by the schema")

    monkeypatch.setattr(Decided, "evaluation", refused)

    assert Decided(an_answer(**more), SIGNER).written().startswith(b'{"decision":true')
