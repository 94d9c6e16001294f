"""A practice is given a file of its own registered patients, and of nobody else (ruling 29)."""

import duckdb
import pytest

import catalogue
from common.security import jws
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.asking_back import (
    NOBODYS,
    OTHER_PRACTICE,
    OURS,
    PRACTICE,
    REGISTERED,
    THEIRS,
    Surgery,
)
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import sus_row, written

DAYS = {OURS: "1", THEIRS: "2", NOBODYS: "3", "": "4"}
"""Of each person's stay: by them a row is known."""


@pytest.fixture
def day(clock):
    return clock.now().date().isoformat()


@pytest.fixture
def surgery(intake, clock):
    rows = [
        sus_row(
            NHS_Number=number,
            Local_Patient_ID=f"L{place}",
            Unique_CDS_Identifier=f"BRR8{place:09}",
            Der_Spell_LoS=days,
        )
        for place, (number, days) in enumerate(DAYS.items())
    ]
    assert intake.submit(written(rows))["state"] == "accepted"
    return Surgery(intake)


@pytest.fixture
def made_for(intake, clock, surgery):
    dissemination = Dissemination(intake, clock)

    def made(*practices):
        done = dissemination.prepare(
            catalogue.load().get("SUS_APC"),
            {"Der_Spell_LoS": "as_is"},
            periods=["2018-04"],
            codes=["02P"],
            reasons="GHRC",
            formats=("parquet",),
            purpose="RS",
            **({"registered_with": list(practices)} if practices else {}),
        )
        return done, [
            days
            for file in done.files
            for (days,) in duckdb.sql(
                f"SELECT Der_Spell_LoS FROM '{dissemination.path(file)}' ORDER BY ALL"
            ).fetchall()
        ]

    yield made
    dissemination.parts.close()


def test_the_file_has_its_own_patients_and_says_by_which_list(surgery, made_for, day):
    listed = surgery.register(REGISTERED, day).json()

    done, days = made_for(PRACTICE)

    assert days == [1]
    (file,) = done.files
    said = jws.unverified(file.attestation)["registered"]
    assert said == {"codes": [PRACTICE], "list_date": day, "lists": [listed["id"]]}
    assert made_for(OTHER_PRACTICE)[1] == [2]
    assert made_for(PRACTICE, OTHER_PRACTICE)[1] == [1, 2]
    assert len(made_for()[1]) == 4  # whoever else receives is given whoever's


def test_while_a_list_waits_both_have_to_say_so(surgery, made_for, day):
    surgery.register(REGISTERED, day)
    others = "".join(f"{number},{PRACTICE}\n" for number in numbers(100, 130))
    waits = surgery.register(f"{OURS},{OTHER_PRACTICE}\n{THEIRS},{PRACTICE}\n{others}", day)
    assert waits.json()["state"] == "waiting"

    assert made_for(PRACTICE)[1] == made_for(OTHER_PRACTICE)[1] == []


def test_without_a_list_that_is_new_enough_nothing_is_made(made_for):
    done, days = made_for(PRACTICE)

    assert (done.code, days) == ("REGISTRATIONS_OUT_OF_DATE", [])
