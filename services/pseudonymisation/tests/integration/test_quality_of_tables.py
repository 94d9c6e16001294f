"""How good each column of several tables is, counted by the rows of its own table."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import catalogue
from catalogue.relations import qualified, split
from common.security.principal import Principal
from common.security.roles import Role
from pseudonymisation.intake.domain.measures import FieldMeasure
from pseudonymisation.quality.use_cases import summaries
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_several_tables import (
    asked,
    prepared,
    submit,
)
from services.pseudonymisation.tests.several_tables import (
    ASKED,
    TABLES_OF,
    Row,
    activity,
    contact,
    referral,
    tables,
)

__all__ = ["dissemination"]

CSDS = catalogue.load().get("CSDS")
SENT = {
    "Referrals.Gender": ["CYP001.Gender"],
    "Referrals.AgeBand_RP_StartDate": ["CYP001.DateOfBirth"],
    "Referrals.OrgID_GP": ["CYP002.OrgID_GP"],
    "Referrals.TeamType": ["CYP102.TeamType"],
    "Care_Activities.Unique_ServiceRequestID": ["CYP201.Unique_ServiceRequestID"],
    "Care_Activities.Contact_Hour": ["CYP201.Contact_Time"],
    "Referral_To_Treatment.Days_RTTStart_to_End": ["CYP104.RTT_StartDate"],
    "Diagnoses.ProvisionalDiagnosis": ["CYP606.ProvisionalDiagnosis"],
    "Diagnoses.PrimaryDiagnosis": ["CYP607.PrimaryDiagnosis"],
    "Diagnoses.SecondaryDiagnosis": ["CYP608.SecondaryDiagnosis"],
    "Assessments.Unique_ServiceRequestID": [
        "CYP201.Unique_ServiceRequestID",
        "CYP609.Unique_ServiceRequestID",
    ],
    "Assessments.Unique_CareActivityID": ["CYP612.Unique_CareActivityID"],
}
"""In which table a column of a group is sent where it is not in all of the group's own tables."""


def measured(intake, edition_id: str) -> dict[str, FieldMeasure]:
    with intake.parts.quality.uow.reading() as tx:
        [edition] = tx.records.of([UUID(edition_id)])
    return {one.field: one for one in edition.fields}


def counts(one: FieldMeasure) -> tuple[int, int, int, int]:
    return one.judged, one.valid, one.missing, one.invalid


def expected(
    sent: Mapping[str, Sequence[Row]], aside: Mapping[str, int], lost: Mapping[str, int]
) -> dict[str, tuple[int, int, int, int]]:
    """By plain loops: of each column its own table's rows, and those set aside for its sake."""
    found = {}
    for table, rows in sent.items():
        for name in CSDS.by_table[table].by_name:
            bad = aside.get(qualified(table, name), 0) + lost.get(qualified(table, name), 0)
            missing = sum(not row.get(name) for row in rows)
            found[qualified(table, name)] = (len(rows) + bad, len(rows) - missing, missing, bad)
    return found


def test_each_column_is_measured_by_the_rows_of_its_own_table(intake) -> None:
    sent = tables()
    good = {name: [dict(row) for row in rows] for name, rows in sent.items()}
    sent["CYP202"].append(activity("A8", "C1", CareActivity_Duration="long"))
    sent["CYP101"].append(referral("P9", "R8"))  # nobody of that number
    sent["CYP201"].append(contact("C8", "R8"))

    landed = submit(intake, sent)

    assert landed["state"] == "accepted", landed
    found = {name: counts(one) for name, one in measured(intake, landed["edition_id"]).items()}
    assert found == expected(
        good,
        aside={"CYP202.CareActivity_Duration": 1},
        lost={"CYP101.LocalPatientID": 1, "CYP201.Unique_ServiceRequestID": 1},
    )
    assert found["CYP001.NHSNumber"] == (3, 2, 1, 0)
    assert found["CYP101.Priority_Type"] == (4, 3, 1, 0)


def test_an_extract_of_a_group_is_told_of_its_columns_in_the_tables_that_they_are_of(
    intake, dissemination
) -> None:
    landed = submit(intake, tables())
    known = set(measured(intake, landed["edition_id"]))
    ctx = dissemination.parts.quality.on_behalf_of(caller())
    for group in ASKED:
        fields = {name: how for name, how in asked().items() if split(name)[0] == group}

        summary = summaries.of_preparation(prepared(dissemination, fields).id, ctx=ctx)

        (edition,) = summary.editions
        assert str(edition.edition_id) == landed["edition_id"]
        told = {one.field for one in edition.fields}
        assert told == {one for n in fields for one in SENT.get(n) or sent_as(*split(n))}, group
        assert told <= known


def sent_as(group: str, name: str) -> list[str]:
    return [f"{table}.{name}" for table in TABLES_OF[group]]


def caller() -> Principal:
    return Principal(
        subject="dissemination",
        client_id="dissemination",
        organisation="X26",
        role=Role.SERVICE_DISSEMINATION,
        token_id="t",
        expires_at=datetime.max.replace(tzinfo=UTC),
        audience="pseudonymisation",
    )
