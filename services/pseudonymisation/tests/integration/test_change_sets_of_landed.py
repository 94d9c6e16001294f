"""Change sets of what was really landed: after a deletion by a net change, and of several groups.

The oracle compares the released files row by row in Python.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import pytest

import catalogue
from catalogue.relations import split
from common.security.keys import ATTESTATION, SignedVerifier
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.api.test_net_changes import change, gone, row, whole
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_change_sets import oracle
from services.pseudonymisation.tests.integration.test_several_tables import asked, submit
from services.pseudonymisation.tests.several_tables import (
    ACTIVE,
    MONTH,
    REFERRED,
    WHO,
    activity,
    immunisation,
    referral,
    tables,
)

__all__ = ["dissemination"]

SUS = catalogue.load().get("SUS_APC")
CSDS = catalogue.load().get("CSDS")
KEY = "Unique_CDS_Identifier"
OF_SUS = {KEY: "pseudonym", "Main_Specialty_Code": "as_is"}
KEYS = {
    "Referrals": [WHO, REFERRED],
    "Care_Activities": [WHO, ACTIVE],
    "Group_Sessions": [],
    "Onward_Referrals": [WHO],
    "Referral_To_Treatment": [WHO],
    "Diagnoses": [WHO],
    "Immunisations": [WHO],
    "Assessments": [WHO],
}
"""By what a record of each group is known where the columns of `asked` are in its file."""
Rows = list[dict[str, Any]]


def attempted(dissemination, data_set, fields: Mapping[str, str], since=None, **more: Any):
    earlier = {} if since is None else {"changes_since": since.permit.extract_id}
    return dissemination.prepare(
        data_set,
        fields,
        periods=[MONTH],
        codes=["02P"],
        reasons="GHC",
        formats=("parquet",),
        **earlier,
        **more,
    )


def prepared(dissemination, data_set, fields: Mapping[str, str], since=None, **more: Any):
    done = attempted(dissemination, data_set, fields, since, **more)
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    return done


def files(dissemination, done) -> dict[tuple[str, bool], tuple[dict[str, Any], Rows]]:
    """What is attested and written, by group and by whether it is a change set."""
    verifier = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    )
    found = {}
    for file in done.files:
        said = verifier.verify(file.attestation)
        (group,) = {split(c["name"])[0] for c in said["columns"]} - {""} or {""}
        made = duckdb.sql(f"SELECT * FROM '{dissemination.path(file)}'")
        rows = [dict(zip(made.columns, one, strict=True)) for one in made.fetchall()]
        assert file.rows == len(rows)
        found[group, "changes" in said] = (said, rows)
    return found


def as_told(rows: Rows) -> list[tuple[Any, ...]]:
    return sorted((tuple(one.values()) for one in rows), key=repr)


def test_a_deletion_of_a_released_record_by_a_net_change_makes_a_change_set(intake, dissemination):
    whole(intake, *(row(n, 100 + n, "2018-04-20") for n in range(6)))
    flex = prepared(dissemination, SUS, OF_SUS)
    sent = change(
        intake, gone(2, "2018-04-21"), row(3, 203, "2018-04-21"), row(9, 209, "2018-04-21")
    )
    assert sent["state"] == "accepted"

    freeze = prepared(dissemination, SUS, OF_SUS, flex)

    _, before = files(dissemination, flex)["", False]
    made = files(dissemination, freeze)
    _, after = made["", False]
    said, told = made["", True]
    assert said["changes"]["key"] == [WHO, KEY]
    assert as_told(told) == oracle(before, after, (WHO, KEY))
    assert sorted(one["Change"] for one in told) == ["added", "changed", "removed"]
    (deleted,) = [one for one in told if one["Change"] == "removed"]
    (was,) = [one for one in before if one["Main_Specialty_Code"] == "102"]
    assert (deleted[WHO], deleted[KEY]) == (was[WHO], was[KEY])
    assert {n for n, v in deleted.items() if v is not None} == {WHO, KEY, "Change"}


def corrected() -> dict[str, Any]:
    """The month sent again: one referral otherwise, one activity gone, one more, one session."""
    sent = tables()
    sent["CYP101"][0]["Priority_Type"] = "3"
    sent["CYP202"] = [one for one in sent["CYP202"] if "A2" not in one[ACTIVE]]
    sent["CYP202"].append(activity("A9", "C2"))
    sent["CYP301"][0]["NumberOfParticipants"] = "77"
    return sent


def test_each_group_has_a_change_set_of_its_own(intake, dissemination) -> None:
    assert submit(intake, tables())["state"] == "accepted"
    first = prepared(dissemination, CSDS, asked())
    assert submit(intake, corrected())["state"] == "accepted"

    second = prepared(dissemination, CSDS, asked(), first)

    before, made = files(dissemination, first), files(dissemination, second)
    assert {group for group, _ in made} == set(KEYS)
    assert set(made) == {(group, is_change) for group in KEYS for is_change in (False, True)}
    whole_files = {one.digest for one in first.files}
    for group, key in KEYS.items():
        said, told = made[group, True]
        assert said["changes"]["key"] == [n if n == WHO else f"{group}.{n}" for n in key]
        assert said["changes"]["since"] == first.permit.extract_id
        assert said["changes"]["since_file"] in whole_files
        rows = oracle(before[group, False][1], made[group, False][1], key)
        assert as_told(told) == rows, group
        assert {split(c["name"])[0] for c in said["columns"]} - {""} == {group}
    became = {g: {one["Change"] for one in made[g, True][1]} for g in KEYS}
    assert became["Referrals"] == {"changed"}
    assert became["Care_Activities"] == {"added", "removed"}
    assert became["Immunisations"] == became["Diagnoses"] == set()
    # What is about nobody has no key: what differs is told whole.
    assert {one["NumberOfParticipants"] for one in made["Group_Sessions", True][1]} >= {77}


def of_two() -> dict[str, Any]:
    """Each group has rows of two people of the commissioner who have a number."""
    sent = tables()
    sent["CYP101"][2]["OrgID_Commissioner"] = "02P"
    sent["CYP104"].append(sent["CYP104"][0] | {REFERRED: "RR8R3"})
    sent["CYP105"].append(sent["CYP105"][0] | {REFERRED: "RR8R1"})
    sent["CYP502"].append(immunisation("P2", **{REFERRED: "RR8R3"}))
    return sent


def gone_from(sent: dict[str, Any], *names: str) -> dict[str, Any]:
    """The same without the second person, in these tables."""
    own = {"P2", "RR8R3", "RR8C3", "RR8A4"}
    return sent | {n: [r for r in sent[n] if own.isdisjoint(r.values())] for n in names}


def test_an_objection_is_told_as_any_removal_where_each_group_has_another(
    intake, dissemination
) -> None:
    assert submit(intake, of_two())["state"] == "accepted"
    assert take(intake, body(["9990000042"]), "2018-05-31").status_code == 201
    first = prepared(dissemination, CSDS, asked(), upholds=True)
    sent = of_two()
    assert submit(intake, gone_from(sent, *sent))["state"] == "accepted"
    assert take(intake, body(["9990000042", "9990000018"]), "2018-06-01").status_code == 201

    second = prepared(dissemination, CSDS, asked(), first, upholds=True)

    before, made = files(dissemination, first), files(dissemination, second)
    for group, key in KEYS.items():
        _, told = made[group, True]
        was, is_now = before[group, False][1], made[group, False][1]
        assert as_told(told) == (oracle(was, is_now, key) if was != is_now else []), group
        if group != "Group_Sessions":
            assert is_now == []
            assert len({one[WHO] for one in told}) == 2
            shapes = {tuple(n for n, v in one.items() if v is not None) for one in told}
            assert len(shapes) == 1, group


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((), marks=pytest.mark.long, id="nobody else"),
        pytest.param(("CYP104",), id="another, in one group"),
    ],
)
def test_where_an_objection_is_all_that_a_group_lost_no_change_set_is_given(
    intake, dissemination, names
) -> None:
    submit(intake, of_two())
    assert take(intake, body(["9990000042"]), "2018-05-31").status_code == 201
    first = prepared(dissemination, CSDS, asked(), upholds=True)
    submit(intake, gone_from(of_two(), *names) | {"CYP301": tables()["CYP301"][:2]})
    assert take(intake, body(["9990000042", "9990000018"]), "2018-06-01").status_code == 201

    done = attempted(dissemination, CSDS, asked(), first, upholds=True)

    assert (done.state, done.code) == (PreparationState.FAILED, "CHANGE_SET_WAITS")


@pytest.mark.long
def test_a_key_that_is_not_all_in_the_file_is_none(intake, dissemination) -> None:
    """Without the link field the records of a person are one: whichever differs, all are told."""
    fields = {"Referrals.Priority_Type": "as_is"}
    submit(intake, tables())
    first = prepared(dissemination, CSDS, fields)
    sent = tables()
    sent["CYP101"].append(referral("P1", "R9"))
    assert submit(intake, sent)["state"] == "accepted"

    second = prepared(dissemination, CSDS, fields, first)

    said, told = files(dissemination, second)["Referrals", True]
    assert said["changes"]["key"] == [WHO]
    assert as_told(told) == oracle(
        files(dissemination, first)["Referrals", False][1],
        files(dissemination, second)["Referrals", False][1],
        (WHO,),
    )
    assert {one["Change"] for one in told} == {"changed"}
