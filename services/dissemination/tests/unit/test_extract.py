"""The life of an extract: every verb in every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.errors import InvalidPeriods, Refusal, TransitionRefused
from common.ids import digest_of
from dissemination.domain.agreement_status import Withdrawal
from dissemination.domain.errors import PreparationRefused
from dissemination.domain.events import (
    ExtractFailed,
    ExtractReleased,
    ExtractRequested,
    ExtractSuperseded,
    ExtractWithdrawn,
)
from dissemination.domain.extract import (
    EXTRACT,
    OPEN_TO_FETCH,
    UNFINISHED,
    Extract,
    Failure,
    Permit,
    PreparedFile,
    Requester,
    State,
)
from statements.form import Malformed
from statements.months import listed, months
from statements.request import ExtractRequest
from statements.vocabulary import Format

AT = datetime(2018, 6, 1, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
ID = UUID(int=1)

REQUEST = ExtractRequest(
    extract_id=str(ID),
    agreement="DARS-NIC-123456-A1B2C",
    purpose="COM",
    data_set="SUS_APC",
    classification="PSEUDO_ANONYMISED",
    periods=("2018-04", "2018-05"),
    fields=("Sex",),
    formats=("parquet",),
)
FILE = PreparedFile(
    id=UUID(int=2),
    format=Format.PARQUET,
    object_key="preparations/p/1/f.parquet",
    bytes=10,
    digest="sha256:" + "0" * 64,
    rows=3,
    attestation="a.b.c",
)

ENDED = Withdrawal(agreement_state="TERMINATED", since=LATER)

VERBS = {
    State.PREPARING: lambda e: e.accepted(at=LATER),
    State.PREPARED: lambda e: e.prepared([FILE], at=LATER),
    State.RELEASED: lambda e: e.release(at=LATER),
    State.FAILED: lambda e: e.fail(Failure(code="PERMIT_EXPIRED"), at=LATER),
    State.WITHDRAWN: lambda e: (
        e.end(ENDED, at=LATER) if e.state in OPEN_TO_FETCH else e.withdraw(at=LATER)
    ),
    State.SUPERSEDED: lambda e: e.supersede("e1", by="e2", at=LATER),
}
SAYS = {
    State.RELEASED: ExtractReleased,
    State.FAILED: ExtractFailed,
    State.WITHDRAWN: ExtractWithdrawn,
    State.SUPERSEDED: ExtractSuperseded,
}


def asked() -> Extract:
    return Extract.ask(
        REQUEST,
        extract_id=ID,
        requester=Requester(subject="s", client_id="c", organisation="0DF", role="csu-system"),
        permit=Permit(id="p", compact="a.b.c", expires_at=LATER, decision_id=UUID(int=3), epoch=7),
        at=AT,
    )


def in_state(state: State) -> Extract:
    return replace(asked(), state=state, pending=())


def test_a_request_says_so():
    (event,) = asked().pending

    assert isinstance(event, ExtractRequested)
    assert event.model_dump(mode="json") == {
        "extract_id": str(ID),
        "agreement": REQUEST.agreement,
        "data_set": "SUS_APC",
        "state": "requested",
        "files": [],
    }


@pytest.mark.parametrize("target", list(VERBS))
@pytest.mark.parametrize("state", list(State))
def test_a_verb_is_allowed_exactly_where_the_table_says(state, target):
    extract = in_state(state)

    if target not in EXTRACT.follows(state):
        with pytest.raises(TransitionRefused) as refused:
            VERBS[target](extract)
        assert refused.value.members["state"] == state.value
        return
    moved = VERBS[target](extract)

    assert moved.state is target
    assert moved.changed_at == LATER
    assert [type(event) for event in moved.pending] == [SAYS[s] for s in [target] if s in SAYS]


@pytest.mark.parametrize("state", sorted(OPEN_TO_FETCH))
def test_what_was_released_is_withdrawn_by_its_agreement_s_end_only(state):
    extract = in_state(state)

    with pytest.raises(TransitionRefused):
        extract.withdraw(at=LATER)
    assert extract.end(ENDED, at=LATER).withdrawal == ENDED


def test_what_was_not_released_does_not_end_with_its_agreement():
    with pytest.raises(TransitionRefused):
        in_state(State.PREPARED).end(ENDED, at=LATER)


def test_the_table_has_every_state_and_every_verb():
    assert set(EXTRACT.moves) == set(State)
    assert set().union(*map(EXTRACT.follows, State)) == set(VERBS)
    assert {state for state in State if State.FAILED in EXTRACT.follows(state)} == UNFINISHED
    assert UNFINISHED.isdisjoint(OPEN_TO_FETCH)


def test_a_failure_and_the_files_are_kept():
    prepared = in_state(State.PREPARING).prepared([FILE], at=LATER)
    failure = Failure(code="X", refusals=(Refusal("X", "d"),))

    assert prepared.files == (FILE,)
    assert prepared.fail(failure, at=LATER).failure == failure
    assert prepared.release(at=LATER).pending[0].model_dump(mode="json")["files"] == [
        {
            "id": str(FILE.id),
            "format": "parquet",
            "rows": 3,
            "bytes": 10,
            "digest": FILE.digest,
        }
    ]


def test_the_digest_of_a_request_is_over_what_the_wire_contract_names():
    assert REQUEST.digest == digest_of(
        {
            "extract_id": str(ID),
            "agreement": "DARS-NIC-123456-A1B2C",
            "purpose": "COM",
            "data_set": "SUS_APC",
            "classification": "PSEUDO_ANONYMISED",
            "periods": ["2018-04", "2018-05"],
            "fields": ["Sex"],
            "formats": ["parquet"],
        }
    )
    assert ExtractRequest.read(REQUEST.claims()) == REQUEST
    assert REQUEST.line == (REQUEST.purpose, REQUEST.data_set, REQUEST.classification)


def test_a_stored_request_with_something_else_in_a_list_s_place_is_not_read():
    with pytest.raises(Malformed):
        ExtractRequest.read({**REQUEST.claims(), "fields": "Sex"})


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2018-04", "2018-04", ("2018-04",)),
        ("2018-11", "2019-02", ("2018-11", "2018-12", "2019-01", "2019-02")),
    ],
)
def test_a_range_of_months_is_every_month_of_it(first, last, expected):
    assert months(first, last) == expected


@pytest.mark.parametrize(
    ("first", "last"),
    [("2018-04", "2018-03"), ("2018-4", "2018-05"), ("2018-13", "2019-01"), ("2000-01", "2010-01")],
)
def test_a_range_that_is_none_or_too_long_is_refused(first, last):
    with pytest.raises(InvalidPeriods):
        months(first, last)


def test_listed_months_are_put_in_order_each_once():
    assert listed(["2018-05", "2018-04", "2018-05"]) == ("2018-04", "2018-05")
    with pytest.raises(InvalidPeriods):
        listed(["2018"])


def test_what_the_haven_refuses_keeps_its_own_code():
    assert PreparationRefused("It was used for something else.", code="PERMIT_USED").code == (
        "PERMIT_USED"
    )
    assert PreparationRefused.code == "PREPARATION_REFUSED"
