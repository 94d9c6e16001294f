"""A file in bulk replaces exactly what its sender sent for a recipient, a group and a period."""

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.api.test_what_is_replaced import PEOPLE, month
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

OFFICE = (Role.DSCRO_OPERATOR, "X26")


def bulk(
    intake: Intake,
    rows: list[dict[str, str]],
    *,
    recipient: str = "02P",
    group: str = "010",
    **more: str,
) -> dict:
    return intake.submit(written(rows), protocol="bulk", recipient=recipient, group=group, **more)


def in_force(intake: Intake) -> set[str]:
    with intake.parts.preparation_uow.reading() as tx:
        return {str(e.id) for e in tx.landed.current_editions("SUS_APC")}


def test_exactly_its_part_is_replaced_and_the_others_stay(intake):
    first = bulk(intake, month(PEOPLE[:3]))
    others = [
        bulk(intake, month(PEOPLE[3:5]), group="020"),
        bulk(intake, month(PEOPLE[5:7]), recipient="00L"),
        bulk(intake, month(PEOPLE[7:9], day="2018-03-10"), period="2018-03"),
    ]
    assert all(one["state"] == "accepted" for one in others)
    assert in_force(intake) == {one["edition_id"] for one in (first, *others)}

    # By another spelling of the recipient it is the same part.
    again = bulk(intake, month(PEOPLE[:2]), recipient="02P00")

    assert (again["recipient"], again["group"], again["state"]) == ("02P", "010", "accepted")
    assert again["replaced"]["people"]["removed"] == 1
    assert in_force(intake) == {one["edition_id"] for one in (again, *others)}
    edition = intake.get(f"/v1/editions/{again['edition_id']}").json()
    assert (edition["sender"], edition["recipient"], edition["group"]) == ("RR8", "02P", "010")
    assert edition["number"] == 2


def test_what_another_sent_is_another_part(intake):
    own = bulk(intake, month(PEOPLE[:3]))
    opened = intake.open(
        provider="RR8",
        protocol="bulk",
        recipient="02P",
        group="010",
        headers=intake.headers(*OFFICE),
    ).json()
    intake.client.put(
        f"/v1/submissions/{opened['id']}/content",
        content=written(month(PEOPLE[3:5])),
        headers=intake.headers(*OFFICE) | {"Content-Type": "text/csv"},
    )
    intake.work()

    other = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert in_force(intake) == {own["edition_id"], other["edition_id"]}


@pytest.mark.parametrize("first", ["whole", "bulk"])
def test_a_whole_period_and_a_part_of_it_are_not_both_in_force(intake, first):
    if first == "whole":
        intake.submit(written(month(PEOPLE[:3])))
        answer = intake.open(protocol="bulk", recipient="02P", group="010")
    else:
        bulk(intake, month(PEOPLE[:3]))
        answer = intake.open()

    assert (answer.status_code, answer.json()["code"]) == (409, "PERIOD_OVERLAPS")
    assert "have the haven's staff take that edition back" in answer.json()["detail"]


def test_another_period_of_the_same_part_overlaps_and_of_another_part_does_not(intake):
    bulk(intake, month(PEOPLE[:3]))

    same = intake.open(period="2018-03/2018-04", protocol="bulk", recipient="02P", group="010")
    other = intake.open(period="2018-03/2018-04", protocol="bulk", recipient="02P", group="020")

    assert (same.status_code, same.json()["code"]) == (409, "PERIOD_OVERLAPS")
    assert other.status_code == 201


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "recipient"),
        ({"recipient": "02P"}, "group"),
        ({"group": "010"}, "recipient"),
        ({"recipient": "02P", "group": "150"}, "group"),
    ],
)
def test_a_part_is_named_whole(intake, said, field):
    answer = intake.open(protocol="bulk", **said)

    assert (answer.status_code, answer.json()["code"]) == (422, "BULK_PART_INVALID")
    assert answer.json()["field"] == field


def test_a_data_set_that_is_not_sent_so_says_by_what_it_is(intake):
    answer = intake.open("DIDS", protocol="net_change")

    assert (answer.status_code, answer.json()["code"]) == (422, "PROTOCOL_NOT_TAKEN")
    assert answer.json()["allowed"] == ["whole_period"]


def test_what_rows_say_of_deletions_is_void(intake):
    sent = bulk(
        intake,
        [
            sus_row(Update_Type="1"),
            sus_row(NHS_Number=PEOPLE[1], Unique_CDS_Identifier="BRR8000000002", Update_Type="9"),
        ],
    )

    assert len(intake.landed(sent["edition_id"])) == 2


def test_a_report_period_that_is_longer_than_its_rows_waits(intake):
    spring = month(PEOPLE[:2], day="2018-03-10") + month(PEOPLE[:2])
    landed = bulk(intake, spring, period="2018-03/2018-04")

    sent = bulk(intake, month(PEOPLE[:2], day="2018-03-11"), period="2018-03/2018-04")

    assert (sent["state"], sent["replaced"]["emptied"]) == ("waiting", ["2018-04"])
    assert in_force(intake) == {landed["edition_id"]}
