"""What an agreement's events make of what was released under it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dissemination.domain.agreement_status import (
    AgreementStatus,
    Availability,
    Status,
    Withdrawal,
    status,
)
from statements.bridging import BridgedLine
from statements.request import ExtractRequest

AT = datetime(2018, 6, 1, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
LINE = ("COM", "SUS_APC", "PSEUDO_ANONYMISED")
OTHER = ("COM", "DIDS", "PSEUDO_ANONYMISED")
ASKED = ExtractRequest(
    extract_id="1",
    agreement="A",
    purpose=LINE[0],
    data_set=LINE[1],
    classification=LINE[2],
    periods=("2018-04",),
    fields=("Sex",),
    formats=("csv",),
)
BESIDE = BridgedLine(agreement="B", purpose="COM", data_set="DIDS", classification=LINE[2])
PAIRED = replace(ASKED, fields=(), bridge=BESIDE)


def recorded(state, *held, former=None, at=AT):
    return AgreementStatus.after_event(former, agreement="A", state=state, held=held, at=at)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (recorded("ACTIVE"), (Availability.CURRENT, None)),
        (recorded("ACTIVE", OTHER), (Availability.CURRENT, None)),
        (recorded("ACTIVE", LINE), (Availability.SUSPENDED, "BREACH_OPEN")),
        (recorded("SUSPENDED", LINE), (Availability.SUSPENDED, "BREACH_OPEN")),
        (recorded("SUSPENDED"), (Availability.SUSPENDED, "DSFC_NOT_IN_FORCE")),
        (recorded("LAPSED_HOLD"), (Availability.SUSPENDED, "DSA_NOT_ACTIVE")),
        (recorded("A_WORD_OF_TOMORROW"), (Availability.SUSPENDED, "DSA_NOT_ACTIVE")),
        (recorded("EXPIRED", LINE), (Availability.WITHDRAWN, "DSA_NOT_ACTIVE")),
        (recorded("TERMINATED"), (Availability.WITHDRAWN, "DSA_NOT_ACTIVE")),
    ],
)
def test_a_file_stands_as_its_line_does(standing, expected):
    told = standing.of(LINE)

    assert (told.availability, told.code) == expected
    assert (told.since, told.agreement_state) == (
        (None, None) if told.code is None else (AT, standing.state)
    )


def test_what_has_not_changed_is_so_since_when_it_was():
    first = recorded("SUSPENDED", LINE)
    again = recorded("SUSPENDED", LINE, OTHER, former=first, at=LATER)

    assert again.since == AT
    assert again.held == {LINE: AT, OTHER: LATER}
    assert recorded("ACTIVE", former=again, at=LATER).since == LATER
    assert recorded("ACTIVE", former=again, at=LATER).held == {}


def test_what_was_withdrawn_stays_so_when_the_agreement_is_renewed():
    withdrawal = Withdrawal(agreement_state="EXPIRED", since=AT)

    told = status(
        ASKED,
        withdrawal=withdrawal,
        standings={"A": recorded("ACTIVE", at=LATER)},
        superseded_at=LATER,
    )

    assert told == Status(
        availability=Availability.WITHDRAWN,
        code="DSA_NOT_ACTIVE",
        agreement_state="EXPIRED",
        since=AT,
    )


def test_what_nothing_was_heard_of_is_current():
    told = status(ASKED, withdrawal=None, standings={}, superseded_at=None)

    assert told.availability is Availability.CURRENT


@pytest.mark.parametrize(
    ("standing", "expected", "code"),
    [
        (None, Availability.SUPERSEDED, "EDITION_SUPERSEDED"),
        (recorded("ACTIVE"), Availability.SUPERSEDED, "EDITION_SUPERSEDED"),
        (recorded("ACTIVE", LINE), Availability.SUSPENDED, "BREACH_OPEN"),
        (recorded("SUSPENDED"), Availability.SUSPENDED, "DSFC_NOT_IN_FORCE"),
        (recorded("EXPIRED"), Availability.WITHDRAWN, "DSA_NOT_ACTIVE"),
    ],
)
def test_what_was_superseded_says_so_unless_it_cannot_be_fetched(standing, expected, code):
    standings = {} if standing is None else {"A": standing}
    told = status(ASKED, withdrawal=None, standings=standings, superseded_at=LATER)

    assert (told.availability, told.code) == (expected, code)
    assert expected is not Availability.SUPERSEDED or told.since == LATER


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ("ACTIVE", recorded("ACTIVE"), Availability.CURRENT),
        ("ACTIVE", recorded("ACTIVE", LINE), Availability.CURRENT),  # another line than its own
        ("ACTIVE", recorded("ACTIVE", OTHER), Availability.SUSPENDED),
        ("SUSPENDED", recorded("ACTIVE"), Availability.SUSPENDED),
        ("SUSPENDED", recorded("EXPIRED"), Availability.WITHDRAWN),
        ("EXPIRED", recorded("ACTIVE", OTHER), Availability.WITHDRAWN),
    ],
)
def test_pairs_stand_as_the_worse_of_their_two_agreements(own, others, expected):
    standings = {"A": recorded(own), "B": others}

    told = status(PAIRED, withdrawal=None, standings=standings, superseded_at=None)

    assert told.availability is expected
