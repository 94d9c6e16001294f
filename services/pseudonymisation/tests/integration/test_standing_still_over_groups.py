"""Groups of one submission tell of the same people: a file of one is held against each of another.

Guard: `use_cases.beside_others`, which looked for the same group alone; `extract_engine` drops what
selects the other's group (docs/adr/0214, R13).
"""

import pytest

from common.security.keys import ATTESTATION, SignedVerifier
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_several_tables import (
    CSDS,
    prepared,
    submit,
)
from services.pseudonymisation.tests.several_tables import (
    PERSONS,
    activity,
    contact,
    person,
    referral,
)

__all__ = ["dissemination"]

ACTIVITIES, REFERRALS = "Care_Activities.CodedProcedure", "Referrals.Priority_Type"
CORRECTED = {
    "CYP001": {"Gender": "1"},
    "CYP101": {"Priority_Type": "2"},
    "CYP201": {"Contact_Time": "11:20"},
    "CYP202": {"CareActivity_Duration": "25"},
}
ELSEWHERE = "9990000042"
"""Of a list that has nobody of the file."""


def whoever(local):
    if local in PERSONS:
        return person(local)
    return person("P2") | {"LocalPatientID": local, "NHSNumber": "9990000034"}


def seen(*locals_, corrected=False):
    """A referral of each of these people, with a contact and what was done there."""
    of = {local: f"R{place}" for place, local in enumerate(locals_)}
    numbers, new = of.values(), {} if not corrected else CORRECTED
    return {
        "CYP001": [whoever(local) | new.get("CYP001", {}) for local in of],
        "CYP101": [referral(one, n) | new.get("CYP101", {}) for one, n in of.items()],
        "CYP201": [contact(f"C{n}", n) | new.get("CYP201", {}) for n in numbers],
        "CYP202": [activity(f"A{n}", f"C{n}") | new.get("CYP202", {}) for n in numbers],
    }


def beside(dissemination, done):
    verifier = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    )
    said = [verifier.verify(file.attestation) for file in done.files]
    return {one["edition"] for claims in said for one in claims.get("standing_beside", [])}


def edition_of(dissemination, done):
    verifier = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    )
    (edition,) = verifier.verify(done.files[0].attestation)["editions"]
    return edition["id"]


def of_group(dissemination, column, *genders):
    form = CSDS.releasable(column).treatments[0].value
    filters = [{"column": "Referrals.Gender", "any_of": [*genders]}] if genders else []
    return prepared(dissemination, {column: form}, upholds=True, filters=filters)


SAME = seen("P1", "P2", corrected=True)
ANOTHER = seen("P1", "P4", corrected=True)
LONG = pytest.mark.long


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(
    ("first", "second", "after", "tells", "chosen"),
    [
        # Whoever has an activity has a referral: who is not there any more objected since.
        (ACTIVITIES, REFERRALS, SAME, True, ("", "")),
        pytest.param(REFERRALS, ACTIVITIES, SAME, True, ("", ""), marks=LONG),
        pytest.param(ACTIVITIES, ACTIVITIES, SAME, True, ("", ""), marks=LONG),
        pytest.param(
            ACTIVITIES,
            REFERRALS,
            SAME,
            True,
            ("12", "12"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            ACTIVITIES,
            ACTIVITIES,
            SAME,
            True,
            ("12", "129"),
            marks=pytest.mark.long,
        ),
        # P2 left by the records, and one is new in the file by them: nobody can be told.
        (ACTIVITIES, REFERRALS, ANOTHER, False, ("", "")),
        (ACTIVITIES, REFERRALS, ANOTHER, False, ("12", "12")),
        # Who was chosen otherwise in the other group is not known to have left by the records.
        pytest.param(
            ACTIVITIES,
            REFERRALS,
            ANOTHER,
            True,
            ("12", "1"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_file_of_one_group_is_held_against_those_of_others(
    intake, dissemination, first, second, after, tells, chosen
):
    assert submit(intake, seen("P1", "P2"))["state"] == "accepted"
    today = dissemination.clock.now().date()
    assert take(intake, body([ELSEWHERE]), list_date=today).status_code == 201
    earlier = of_group(dissemination, first, *chosen[0])
    assert submit(intake, after)["state"] == "accepted"

    later = of_group(dissemination, second, *chosen[1])

    assert beside(dissemination, later) == (
        {edition_of(dissemination, earlier)} if tells else set()
    )
