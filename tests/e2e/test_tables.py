"""Tables over four processes: the rules of domain.md 7 and what is refused, from file to file.

Each number is asked for as published, where the rule alone says what is printed; what `protected`
hides besides is held by the haven's tests and the library's.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import catalogue
from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_client import Failed, Problem, Refused, Tabulation
from tests.running import APRIL, CSU, DATA_SET, OTHER_CSU, Scene, scene

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("tables"), pytest.mark.timeout(300)]

BY_PROVIDER: Final = "Referrals.OrgID_Provider"
ATTENDANCE: Final = "Care_Activities.AttendanceStatus"
OF_PATIENTS: Final = ("Patients.OrgIDProv", "Patients.LDAFlag", "Patients.Gender")
MORTALITY: Final = "2018-05"
SUPPRESSED: Final = "AGGREGATE_SUPPRESSED"
BY_RIGHT: Final = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
EQUAL: Final = "Has to equal the national publication."

SPELLS: Final = {"RA2": (8, 40), "RA4": (5, 40), "RA7": (13, 40), "RAE": (0, 40), "RAJ": (41, 164)}
"""By trust: deaths, and spells."""
ATTENDED: Final = {
    "RAA": (7, 40), "RAB": (3, 40), "RAC": (5, 40), "RAD": (50, 2000), "RAE": (0, 40),
    "RAF": (4, 40), "RAG": (8, 40), "RAH": (6, 40),
}  # fmt: skip
"""By provider: contacts of its referral to which somebody came, and all; each has an activity."""
DISABLED: Final = ("RAA", "RAB", "RAC")
"""Providers of which each has one person with a learning disability; the nation has three."""


def _spells(path: Path) -> Path:
    head = ("SPELL_KEY", "EPIKEY", "PROCODE3", "DISDATE", "SEX", "DIED", "EXPECTED_RISK")
    lines = [
        (f"{trust}{at}", f"E{trust}{at}", trust, f"{MORTALITY}-20", "1", int(at < died), "0.25")
        for trust, (died, spells) in SPELLS.items()
        for at in range(spells)
    ]
    return _written(path, head, lines)


def _community(directory: Path) -> dict[str, Path]:
    """One person and one referral a provider, and as many contacts and activities as there were."""
    said: dict[str, list[dict[str, str]]]
    said = {name: [] for name in ("CYP001", "CYP101", "CYP201", "CYP202")}
    for unit, (attended, contacts) in ATTENDED.items():
        referred = {"Unique_ServiceRequestID": f"{unit}R"}
        said["CYP001"].append({"LocalPatientID": unit, "NHSNumber_Status": "07", "Gender": "2"})
        said["CYP101"].append(
            {"LocalPatientID": unit, "OrgID_Provider": unit, "OrgID_Commissioner": COMMISSIONER}
            | {"ReferralRequest_ReceivedDate": f"{APRIL}-02", **referred}
        )
        for at in range(contacts):
            met = {"Unique_CareContactID": f"{unit}C{at}"}
            status = {"AttendanceStatus": "5" if at < attended else "3"}
            said["CYP201"].append(referred | met | status | {"Contact_Date": f"{APRIL}-20"})
            said["CYP202"].append(met | {"Unique_CareActivityID": f"{unit}A{at}"})
    return tables_of("CSDS", said, "RP_StartDate", directory)


def _mental_health(directory: Path) -> dict[str, Path]:
    """Twenty people a provider; of three providers one each has a learning disability."""
    said: dict[str, list[dict[str, str]]] = {"MHS001MPI": [], "MHS101Referral": []}
    for unit in ("RAA", "RAB", "RAC", "RAD"):
        for at in range(20):
            who = {"LocalPatientID": f"{unit}P{at}"}
            is_first = at == 0 and unit in DISABLED
            told = {"LDAFlag": "Y" if is_first else "N", "Gender": "1" if is_first else "2"}
            said["MHS001MPI"].append(who | told | {"OrgIDProv": unit, "NHSNumberStatus": "07"})
            referred = {"UniqServReqID": f"{unit}R{at}", "OrgIDComm": COMMISSIONER}
            said["MHS101Referral"].append(
                who | referred | {"ReferralRequestReceivedDate": f"{APRIL}-02"}
            )
    return tables_of("MHSDS", said, "ReportingPeriodStartDate", directory)


def tables_of(
    data_set: str, said: Mapping[str, Sequence[Mapping[str, str]]], dated: str, directory: Path
) -> dict[str, Path]:
    """Write each table with all its columns; what is not said is empty."""
    found = {}
    for name, rows in said.items():
        fields = catalogue.load().get(data_set).by_table[name].fields
        lines = [
            [(row | {dated: f"{APRIL}-01"}).get(field.name, "") for field in fields] for row in rows
        ]
        found[name] = _written(directory / f"{name}.csv", [f.label for f in fields], lines)
    return found


def _written(path: Path, head: Sequence[str], lines: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    return path


def _flow(data_set: str, *fields: str, month: str = APRIL, **more: Any) -> Flow:
    return Flow(
        data_set=data_set,
        fields={name: "derived" if name.startswith("Der_") else "as_is" for name in fields},
        first_month=month,
        last_month=month,
        **{"classification": SUPPRESSED} | more,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two landed files of exact numbers besides, and an agreement on tables with each CSU."""
    columns = ("Provider_Code", "Sex")
    with scene(tmp_path_factory, "tables") as running:
        files = tmp_path_factory.mktemp("files")
        provider = running.stage.actor("provider-r0a").pseudonymisation
        sent = [
            provider.submit("SHMI", MORTALITY, _spells(files / "shmi.csv")),
            provider.submit_tables("CSDS", APRIL, _community(files)),
            provider.submit_tables("MHSDS", APRIL, _mental_health(files)),
        ]
        for one in sent:
            done = provider.wait(one.id, timeout_seconds=120)
            assert done.state.lower() == "accepted", done
        for data_set, period in (("SHMI", MORTALITY), ("CSDS", APRIL)):
            running.stage.actor("body-register").agreements.post(
                "/v1/publications",
                {
                    "data_set": data_set,
                    "period": period,
                    "published_on": running.stage.today.isoformat(),
                },
            )
        nobody = {"reasons": (), "as_published": EQUAL}
        first = running.wanted(
            COMMISSIONER,
            CSU,
            _flow(DATA_SET, *columns),
            _flow(DATA_SET, *columns, classification=BY_RIGHT),
            _flow("SHMI", "PROCODE3", "SEX", month=MORTALITY, **nobody),
            _flow("CSDS", BY_PROVIDER, ATTENDANCE, sensitivity="SENSITIVE", **nobody),
            _flow("MHSDS", *OF_PATIENTS, sensitivity="SENSITIVE", **nobody),
        )
        other = running.wanted(COMMISSIONER, OTHER_CSU, _flow(DATA_SET, *columns))
        yield replace(
            running,
            reference=running.stage.in_force(first, "Tables"),
            other_reference=running.stage.in_force(other, "Tables of the other"),
        )


def asked(*columns: str, **changes: Any) -> dict[str, Any]:
    return {
        "purpose": "COM",
        "data_set": DATA_SET,
        "classification": SUPPRESSED,
        "periods": [APRIL],
        "dimensions": [{"column": column} for column in columns],
    } | changes


def made(played: Scene, *columns: str, **changes: Any) -> Tabulation:
    door = played.csu.dissemination
    body = asked(*columns, agreement=played.reference, **changes)
    done = door.wait_for_table(door.tabulate(body).id)
    assert done.state.upper() == "RELEASED", done
    return done


def lines(played: Scene, table: Tabulation, labels: int = 1) -> Mapping[tuple[str, ...], Any]:
    """The numbers of each line of the file, by its labels."""
    (file,) = table.files
    target = played.state.parent / f"{file.id}.csv"
    played.csu.dissemination.download(file.id, target)
    with target.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.reader(text))
    width = len(rows[0])
    return {tuple(r[:labels]): tuple(r[labels:]) for r in rows[1:] if len(r) == width}


COMMUNITY: Final = {
    "data_set": "CSDS", "profile": "as_published", "measure": "Care_Activities.attended_percent",
}  # fmt: skip
SHMI: Final = {"data_set": "SHMI", "periods": [MORTALITY], "profile": "as_published"}


@pytest.mark.scenario("D02")
@pytest.mark.scenario("D05")
@pytest.mark.scenario("D12")
def test_activities_of_providers_by_the_rule_of_csds_and_percentages_from_raw_numbers_halves_up(
    played: Scene,
) -> None:
    """Activities are counted, each once, by the provider of the referral that they belong to."""
    table = made(played, BY_PROVIDER, **COMMUNITY)
    shown = lines(played, table)

    assert [shown[unit,][0] for unit in ("RAE", "RAF", "RAC", "RAA", "RAG")] == [
        "*", "*", "5", "5", "10",
    ]  # fmt: skip
    assert table.grains == ("activity",)

    assert shown["RAA",] == ("5", "40", "18%")  # 7/40; from rounded numbers it would be 13%
    assert shown["RAB",] == ("*", "40", "*")
    assert shown["RAC",] == ("5", "40", "13%")  # 12.5
    assert shown["RAD",] == ("50", "2000", "3%")  # 2.5
    assert shown["RAE",] == ("*", "40", "*")  # nobody is hidden too


@pytest.mark.scenario("D06")
def test_percentages_by_the_rule_of_hes_are_made_from_rounded_numbers(played: Scene) -> None:
    shown = lines(played, made(played, "PROCODE3", measure="deaths_percent", **SHMI))

    assert shown["RA2",] == ("10", "40", "25%")  # 8/40 is 20%
    assert shown["RA4",] == ("*", "40", "*")
    assert shown["RA7",] == ("15", "40", "38%")  # 37.5
    assert shown["RAE",] == ("0", "40", "0%")


@pytest.mark.scenario("D11")
def test_expected_and_ratio_are_hidden_with_the_observed(played: Scene) -> None:
    shown = lines(played, made(played, "PROCODE3", measure="indicator", **SHMI))

    assert shown["RA4",] == ("*", "*", "*")
    assert shown["RA2",] == ("10", "10", "0.8")
    assert shown["RAJ",] == ("40", "41", "1")


def test_several_measures_are_one_request_one_permit_and_one_file(played: Scene) -> None:
    table = made(
        played,
        "PROCODE3",
        measure="records",
        further_measures=["deaths", "indicator"],
        **SHMI,
    )
    shown = lines(played, table)
    said = played.csu.dissemination.manifest(table.files[0].id).manifest["table"]

    assert shown["RA4",][1:] == ("*", "*", "*", "*")
    assert shown["RAJ",][:2] == ("165", "40")
    assert (table.measure, table.further_measures) == ("records", ("deaths", "indicator"))
    assert said["further_measures"] == ["deaths", "indicator"]
    assert said["cells"] == 3 * len(shown)
    kept = "SELECT measure FROM shown_table WHERE extract_id = ? ORDER BY number"
    of_table = played.rows("pseudonymisation", kept, str(table.id))
    assert [name for (name,) in of_table] == ["records", "deaths", "indicator"]


@pytest.mark.scenario("D07")
def test_tables_that_are_to_stand_beside_one_another_are_by_the_strictest_rule(
    played: Scene,
) -> None:
    """Each is asked for by its own line, decided, permitted and released by itself."""
    linked = {"linked_data_sets": ["CSDS"], "periods": [MORTALITY], "data_set": "SHMI"}
    table = made(played, "PROCODE3", measure="deaths_percent", profile="as_published", **linked)
    shown = lines(played, table)
    said = played.csu.dissemination.manifest(table.files[0].id).manifest["table"]

    assert shown["RAE",] == ("*", "40", "*")  # nobody: the rule of SHMI shows it, CSDS's does not
    assert shown["RA2",][:2] == ("10", "40")
    assert said["rule"] == "SHMI+CSDS"
    assert table.linked_data_sets == ("CSDS",)
    beside = lines(played, made(played, BY_PROVIDER, **COMMUNITY, linked_data_sets=["SHMI"]))
    assert [beside[unit,][0] for unit in ("RAE", "RAH", "RAG")] == ["*", "*", "10"]


@pytest.mark.scenario("D09")
def test_three_people_of_the_nation_are_shown_but_not_those_with_a_learning_disability(
    played: Scene,
) -> None:
    """Guard: `Tabulating.topics`. By another column the same three are shown as published.

    That one is asked for first: beside a table on the topic it would be on it as well.
    """
    mental = {"data_set": "MHSDS", "profile": "as_published", "measure": "Patients.people"}
    by_gender = lines(played, made(played, OF_PATIENTS[0], OF_PATIENTS[2], **mental), 2)
    disabled = lines(played, made(played, *OF_PATIENTS[:2], **mental), 2)

    assert disabled["Total", "Y"] == ("*",)
    assert by_gender["Total", "1"] == ("3",)
    assert by_gender["RAA", "1"] == ("*",)


def test_people_of_two_groups_are_held_against_one_another(played: Scene) -> None:
    """Eighty people, exactly, of whom exactly eighty were referred: so nobody was not.

    Guard: `require_no_difference`.
    """
    made(
        played, OF_PATIENTS[0], data_set="MHSDS", measure="Patients.people", profile="as_published"
    )
    door = played.csu.dissemination
    body = asked(OF_PATIENTS[0], agreement=played.reference, data_set="MHSDS")

    with pytest.raises(Failed) as no:
        door.wait_for_table(door.tabulate(body | {"measure": "Referrals.people"}).id)

    assert "TABLE_WOULD_REVEAL" in str(no.value)
    records = door.wait_for_table(door.tabulate(body | {"measure": "Referrals.records"}).id)
    assert records.state.upper() == "RELEASED"  # other things than people


def test_what_a_table_of_a_group_counts_stands_in_manifest_register_and_catalogue(
    played: Scene,
) -> None:
    table = made(played, OF_PATIENTS[0], data_set="MHSDS", measure="Referrals.records")
    (file,) = table.files
    grain = "referral"

    assert table.grains == (grain,)
    assert played.csu.dissemination.manifest(file.id).manifest["table"]["grains"] == [grain]
    told = [
        one.counted
        for one in played.csu.dissemination.register()
        if one.model_dump()["file_id"] == str(file.id)
    ]
    assert told == [f"Referrals.records: one is a {grain}"]
    entry = next(d for d in played.csu.dissemination.data_sets() if d.data_set == "MHSDS")
    measures = {one.name: one for one in entry.measures}
    assert measures["Referrals.records"].grain == grain
    assert measures["Referrals.people"].grain == f"person whom rows are about, by the first {grain}"
    assert measures["Care_Contacts.records"].cut_by == (
        "Care_Contacts", "Referrals", "Patients",
    )  # fmt: skip


@pytest.mark.scenario("D07")
@pytest.mark.scenario("D09")
def test_what_recipients_link_or_say_is_about_a_learning_disability_is_by_the_strictest(
    played: Scene,
) -> None:
    units = {"name": "unit", "categories": ["A", "B", "C", "D"], "total": "England"}

    def protect(counts: Sequence[int], *, nation: bool = False, **more: Any) -> dict[str, str]:
        cells = [
            {"labels": [unit], "value": str(n)} for unit, n in zip("ABCD", counts, strict=True)
        ]
        question = {
            "action": "protect", "dimensions": [units | {"is_geography": nation}], "cells": cells,
        }  # fmt: skip
        answer = played.csu.dissemination.check_table(question | more)
        return {cell["labels"][0]: cell["value"] for cell in answer["cells"]}

    linked = protect((0, 6, 8, 100), rule="HES", linked_rules=["CSDS"])
    on_it = protect((1, 1, 1, 0), nation=True, rule="NCDR04", topics=["LEARNING_DISABILITY"])

    assert [linked[unit] for unit in "ABC"] == ["*", "*", "10"]
    assert on_it["England"] == "*"


def codes(no: Refused) -> set[str]:
    return set(no.codes)


def _of_groups(data_set: str, measure: str, column: str) -> dict[str, Any]:
    return {"data_set": data_set, "measure": measure, "dimensions": [{"column": column}]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"measure": "beds"}, {"DISCLOSURE_RULE_MISSING"}, marks=pytest.mark.scenario("D08")
        ),
        ({"further_measures": ["beds"]}, {"DISCLOSURE_RULE_MISSING"}),
        ({"linked_data_sets": ["ECDS"]}, {"LINE_NOT_IN_DSA"}),
        ({"dimensions": [{"column": "Der_Age_Band"}]}, {"DIMENSION_NOT_IN_DSA"}),
        (
            {"dimensions": [{"column": "GP_Practice_Code"}]},
            {"DIMENSION_NOT_IN_DSA", "PRACTICE_LEVEL_NOT_IN_DSA"},
        ),
        ({"profile": "as_published"}, {"AS_PUBLISHED_NOT_IN_DSA"}),
        # Over groups: what is not counted, and what would be counted twice.
        (
            _of_groups("CSDS", "Referrals.records", ATTENDANCE),
            {"JOIN_FANS_OUT"},
        ),
        (
            _of_groups("CSDS", "Group_Sessions.people", "Group_Sessions.GroupSession_Type"),
            {"ROLE_NOT_IN_GROUP", "DIMENSION_NOT_IN_DSA"},
        ),
        (
            _of_groups("MHSDS", "Patients.second_people", "Patients.Gender"),
            {"ROLE_NOT_IN_GROUP"},
        ),
        (_of_groups("MHSDS", "Wards.records", "Patients.Gender"), {"GROUP_UNKNOWN"}),
        (_of_groups("MHSDS", "records", "Patients.Gender"), {"GROUP_UNKNOWN"}),
        (
            _of_groups("MHSDS", "Patients.records", "Patients.Gender")
            | {"further_measures": ["Referrals.records"]},
            {"SEVERAL_GROUPS"},
        ),
    ],
)
def test_what_the_line_does_not_allow_is_refused_before_anything_runs(
    played: Scene, changes: dict[str, Any], expected: set[str]
) -> None:
    before = played.rows("pseudonymisation", "SELECT count(*) FROM preparation")

    with pytest.raises(Refused) as no:
        played.csu.dissemination.tabulate(
            asked("Provider_Code", agreement=played.reference, **changes)
        )

    assert codes(no.value) == expected
    assert played.rows("pseudonymisation", "SELECT count(*) FROM preparation") == before


def test_an_application_for_tables_of_gp_workforce_without_a_rule_is_not_submitted(
    played: Scene,
) -> None:
    flow = _flow("GPW", "STAFF_GROUP", month="2023-06", reasons=())
    asking = played.wanted(COMMISSIONER, CSU, flow)
    application = played.stage.apply(asking, "Workforce")

    with pytest.raises(Refused) as no:
        played.stage.applicant(COMMISSIONER).act(application, "submission")

    assert codes(no.value) == {"RULE_PARAMETERS_MISSING"}


def test_exact_numbers_by_right_are_for_one_recipient_and_known_to_nobody_else(
    played: Scene,
) -> None:
    """What one has by right is part of the attack on its own tables, and not on another's."""
    exact = made(played, "Provider_Code", "Sex", classification=BY_RIGHT)
    door = played.other_csu.dissemination
    body = asked("Provider_Code", "Sex", agreement=played.other_reference)
    theirs = door.wait_for_table(door.tabulate(body).id)
    (file,) = theirs.files

    with pytest.raises(Problem) as no:
        door.download(exact.files[0].id, played.state.parent / "not-theirs.csv")

    assert no.value.status == 404
    assert "*" not in {numbers[0] for numbers in lines(played, exact, 2).values()}
    assert door.manifest(file.id).manifest["table"].get("earlier", []) == []
    assert door.manifest(file.id).manifest["table"]["hidden"]["small"] > 0
    with pytest.raises(Refused) as refused:
        door.tabulate(body | {"classification": BY_RIGHT})
    assert codes(refused.value) == {"LINE_NOT_IN_DSA"}
