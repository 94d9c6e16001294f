"""Data of several tables, a correction with its change set, and months that come by themselves."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import duckdb

import catalogue
from catalogue.relations import qualified, split
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER, FIELDS, PEOPLE, SEED
from dsfc_cli.demo.sandbox import CSU, DATA_SET, PROVIDER, body_of
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_cli.synthetic import World, generate, generate_tables
from dsfc_client import Extract, wait_for

CSDS: Final = "CSDS"
ROWS: Final = 200
APRIL: Final = ("2018-04", date(2018, 4, 1), date(2018, 4, 30))
MAY: Final = ("2018-05", date(2018, 5, 1), date(2018, 5, 31))
JUNE: Final = ("2018-06", date(2018, 6, 1), date(2018, 6, 30))
KEY: Final = "Unique_CDS_Identifier"
COLUMNS: Final = {**FIELDS[DATA_SET], KEY: "pseudonym"}
LEFT_OUT, CHANGED = 60, 60
"""Records that a correction leaves out, and that it says something else of."""
WHO, REFERRED, ACTIVE = "Token", "Unique_ServiceRequestID", "Unique_CareActivityID"
GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "Referrals": [REFERRED, "Priority_Type", "Gender", "AgeBand_RP_StartDate", "TeamType"],
    "Care_Activities": [REFERRED, ACTIVE, "CodedProcedure", "CareActivity_Duration"],
    "Group_Sessions": ["GroupSession_Type", "NumberOfParticipants"],
    "Onward_Referrals": [REFERRED, "Onward_ReferralReason", "OrgID_Receiving"],
    "Referral_To_Treatment": [REFERRED, "RTT_Status", "Days_RTTStart_to_End"],
    "Diagnoses": [REFERRED, "PrimaryDiagnosis", "SecondaryDiagnosis"],
    "Immunisations": [REFERRED, "ImmunisationProcedure"],
    "Assessments": [REFERRED, ACTIVE, "SNOMED_ID", "Score"],
}
"""Of each group some columns, those that link it among them."""
GENDER, KIND = "Referrals.Gender", "Care_Activities.Activity_Type"
WOMAN: Final = "2"
CHOSEN: Final = ("Referrals", "Care_Activities")
SUPPRESSED: Final = "AGGREGATE_SUPPRESSED"
BASE: Final = 5
"""To which the rule of CSDS rounds."""
SECONDS_MAX: Final = 120.0


def tell(scene: Scene) -> None:
    """Tell it. Raises ClaimFailed at the first claim that does not hold."""
    data_set = catalogue.load().get(CSDS)
    fields = {
        qualified(group, name): data_set.releasable(qualified(group, name)).treatments[0].value
        for group, names in GROUPS.items()
        for name in names
    }
    community = Flow(
        data_set=CSDS,
        fields=fields,
        first_month=APRIL[0],
        last_month=APRIL[0],
        reasons=tuple(letter for letter in "GHC" if letter in data_set.population),
        sensitivity=data_set.sensitivity,
    )
    hospital = Flow(
        data_set=DATA_SET,
        fields=COLUMNS,
        first_month=APRIL[0],
        last_month=JUNE[0],
        change_sets=True,
    )
    counted = Flow(
        data_set=CSDS,
        fields=dict.fromkeys((GENDER, KIND), "as_is"),
        first_month=APRIL[0],
        last_month=APRIL[0],
        reasons=community.reasons,
        sensitivity=data_set.sensitivity,
        classification=SUPPRESSED,
    )
    wanted = Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[community, hospital, counted],
        today=scene.stage.today,
    )
    agreement = scene.stage.in_force(wanted, "Community and hospital care of the area")
    world = World.create(people=PEOPLE, seed=SEED)
    activities = _groups(scene, agreement, fields, world)
    _counts(scene, agreement, activities)
    _correction(scene, agreement)
    _months(scene, agreement, world)


def _groups(scene: Scene, agreement: str, fields: Mapping[str, str], world: World) -> int:
    """Tell of the groups; return how many activities there are."""
    journey = scene.journey
    data_set = catalogue.load().get(CSDS)
    journey.chapter("Sixteen tables of community services become eight files that can be joined")
    month, first, last = APRIL
    sent = generate_tables(
        data_set,
        rows=ROWS,
        seed=SEED,
        first=first,
        last=last,
        world=world,
        directory=scene.output / "sent",
    )
    provider = scene.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    landed = provider.wait(provider.submit_tables(CSDS, month, sent).id)
    journey.claim(
        f"{PROVIDER} sends {len(sent)} tables as one submission, which is landed as one edition",
        "accepted",
        landed.state,
    )
    csu = scene.actor("csu-0df-analytics").dissemination
    asked = body_of(agreement, data_set=CSDS, periods=[month], fields=list(fields))
    journey.refused(
        "The month is not published yet: nobody is given it before the public",
        "NOT_PUBLISHED_YET",
        lambda: csu.request(asked),
    )
    published = {
        "data_set": CSDS,
        "period": month,
        "published_on": scene.stage.today.isoformat(),
    }
    scene.actor("body-register").agreements.post("/v1/publications", published)
    extract = csu.wait(csu.request(asked).id)
    found = {split(columns[-1])[0]: rows for columns, rows in _read(scene, extract)}
    journey.claim("Published, it leaves as a file a group", sorted(GROUPS), sorted(found))
    activities, referrals = found["Care_Activities"], found["Referrals"]
    joined = {(row[WHO], row[REFERRED]) for row in activities}
    known = {(row[WHO], row[REFERRED]) for row in referrals}
    journey.claim(
        f"Each of {len(activities)} activities finds its referral by token and link field",
        (True, set()),
        (bool(joined), joined - known),
    )
    journey.claim(
        "A group session is about nobody: it has no token",
        True,
        bool(found["Group_Sessions"]) and WHO not in found["Group_Sessions"][0],
    )
    numbers = set(map(str, world.nhs_numbers))
    journey.claim(
        "No NHS number of those that were sent is in any of them",
        0,
        len(numbers & {str(v) for rows in found.values() for row in rows for v in row.values()}),
    )
    _chosen(scene, asked, found)
    return len(activities)


def _chosen(scene: Scene, asked: dict[str, Any], all_of: Mapping[str, Sequence[Any]]) -> None:
    """Tell of rows that are chosen by what they belong to."""
    journey, csu = scene.journey, scene.actor("csu-0df-analytics").dissemination
    of_women = asked | {"filters": [{"column": GENDER, "any_of": [WOMAN]}]}
    journey.refused(
        "Sessions belong to no referral: nobody can say which were for women",
        "FILTER_OVER_GROUPS",
        lambda: csu.request(of_women),
    )
    fields = [name for name in asked["fields"] if split(name)[0] in CHOSEN]
    extract = csu.wait(csu.request(of_women | {"fields": fields}).id)
    chosen = {split(columns[-1])[0]: rows for columns, rows in _read(scene, extract)}
    women = {row[REFERRED] for row in all_of["Referrals"] if row["Gender"] == WOMAN}
    done = {row[ACTIVE] for row in all_of["Care_Activities"] if row[REFERRED] in women}
    journey.claim(
        f"Of women alone there are their {len(women)} referrals, and the {len(done)} activities"
        " that belong to these",
        (True, len(women), len(done)),
        (
            {row[REFERRED] for row in chosen["Referrals"]} == women
            and {row[ACTIVE] for row in chosen["Care_Activities"]} == done,
            len(chosen["Referrals"]),
            len(chosen["Care_Activities"]),
        ),
    )


def _counts(scene: Scene, agreement: str, activities: int) -> None:
    journey, csu = scene.journey, scene.actor("csu-0df-analytics").dissemination
    journey.chapter("Each activity is counted once, by whom it was for")
    body = body_of(agreement, data_set=CSDS, periods=[APRIL[0]], classification=SUPPRESSED)
    body.pop("fields", None)
    body["formats"] = ["csv"]
    asked = body | {"measure": "Care_Activities.records", "dimensions": [{"column": GENDER}]}
    table = csu.wait_for_table(csu.tabulate(asked).id)
    path = scene.output / "tables" / f"{table.id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    csu.download(table.files[0].id, path)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        shown = {row[0]: row[1] for row in csv.reader(lines) if len(row) == len(("label", "count"))}
    journey.claim(
        f"By the gender of the referral's person, {activities} activities are {activities} to the"
        f" nearest {BASE}",
        str(BASE * ((activities + BASE // 2) // BASE)),
        shown["Total"],
    )
    journey.claim(
        "Answer, file, manifest and register say what one of what is counted is",
        (("activity",), ["activity"]),
        (table.grains, csu.manifest(table.files[0].id).manifest["table"]["grains"]),
    )
    journey.refused(
        "Referrals by what was done in each would be counted once for each activity",
        "JOIN_FANS_OUT",
        lambda: csu.tabulate(
            asked | {"measure": "Referrals.records", "dimensions": [{"column": KIND}]}
        ),
    )


def _correction(scene: Scene, agreement: str) -> None:
    journey, csu = scene.journey, scene.actor("csu-0df-analytics").dissemination
    journey.chapter("A correction loses nothing, and says what it changed")
    asked = body_of(agreement, periods=[APRIL[0]], fields=list(COLUMNS))
    flex = csu.wait(csu.request(asked).id)
    ((_, before),) = _read(scene, flex)
    rows = [dict(row) for row in scene.rows_of(scene.submitted)[LEFT_OUT:]]
    for row in rows[:CHANGED]:
        row["Discharge_Method"] = "1" if row["Discharge_Method"] != "1" else "2"
    provider = scene.actor(f"provider-{scene.sandbox.provider.lower()}").pseudonymisation
    sent = provider.submit(DATA_SET, APRIL[0], scene.written("corrected-again.csv", rows))
    journey.claim(
        f"The hospital sends April again, {LEFT_OUT} records fewer and {CHANGED} otherwise",
        "accepted",
        provider.wait(sent.id).state,
    )
    superseded = _until(lambda: csu.extract(flex.id), "superseded")
    journey.claim(
        "What was delivered stays, is marked superseded, and says which edition replaced its own",
        (True, 1),
        (superseded.editions[0]["replaced_by"] is not None, len(superseded.files)),
    )
    freeze = csu.wait(csu.request(asked | {"changes_since": str(flex.id)}).id)
    (_, after), (_, told) = _read(scene, freeze)
    was, now = ({(row[WHO], row[KEY]): row for row in side} for side in (before, after))
    journey.claim(
        "The newer extract comes with its change set, which is the difference of the two",
        {
            "removed": len(was.keys() - now.keys()),
            "changed": sum(was[key] != now[key] for key in was.keys() & now.keys()),
        },
        dict(Counter(row["Change"] for row in told)),
    )
    journey.claim(
        "Of a record that is gone it has the key alone, and no reason",
        {(WHO, KEY, "Change")},
        {
            tuple(name for name, value in row.items() if value is not None)
            for row in told
            if row["Change"] == "removed"
        },
    )


def _months(scene: Scene, agreement: str, world: World) -> None:
    journey, csu = scene.journey, scene.actor("csu-0df-analytics").dissemination
    journey.chapter("One instruction, three months, three decisions")
    body = body_of(agreement, fields=list(COLUMNS)[:3])
    del body["periods"]
    wanted = body | {"when": "landed", "from": APRIL[0], "until": JUNE[0]}
    order = csu.place_order(wanted)
    _send(scene, MAY, world)
    journey.claim(
        "April and May come by themselves once they are landed",
        {APRIL[0]: "released", MAY[0]: "released"},
        _periods(scene, order.id, {APRIL[0]: "released", MAY[0]: "released"}),
    )
    one, two = (scene.actor(f"body-breach-{n}").agreements for n in (1, 2))
    hold = one.post(f"/v1/agreements/{agreement}/holds", {"reason": "A report was sent astray."})
    _send(scene, JUNE, world)
    skipped = _periods(scene, order.id, {JUNE[0]: "skipped"})
    journey.claim("June is landed during a hold, and skipped", "skipped", skipped[JUNE[0]])
    refusals = next(
        p.model_dump()["refusals"]
        for p in csu.standing_order(order.id).periods
        if p.month == JUNE[0]
    )
    journey.claim("It says by which code", ["BREACH_OPEN"], [one["code"] for one in refusals])
    one.approve_lift(hold["id"], "The mail was recalled unread.")
    two.approve_lift(hold["id"], "The recipient confirmed deletion.")
    months = dict.fromkeys((APRIL[0], MAY[0], JUNE[0]), "released")
    journey.claim(
        "Two people lift it, and June is caught up", months, _periods(scene, order.id, months)
    )
    made = [csu.extract(p.model_dump()["extract_id"]) for p in csu.standing_order(order.id).periods]
    journey.claim(
        "Each month was a decision and a release of its own",
        (3, 3),
        (
            len({one.model_dump()["decision_id"] for one in made}),
            len({one.files[0].id for one in made}),
        ),
    )


def _send(scene: Scene, period: tuple[str, date, date], world: World) -> None:
    month, first, last = period
    path = scene.output / "sent" / f"{month}.csv"
    generate(DATA_SET, rows=ROWS, seed=SEED, first=first, last=last, world=world, path=path)
    provider = scene.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    provider.wait(provider.submit(DATA_SET, month, path).id)


def _periods(scene: Scene, order: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the states of the months that are named, once they are so."""
    csu = scene.actor("csu-0df-analytics").dissemination

    def look() -> dict[str, str]:
        states = {one.month: one.state for one in csu.standing_order(order).periods}
        return {month: states.get(month, "") for month in wanted}

    return wait_for(look, lambda found: found == wanted, timeout_seconds=SECONDS_MAX)


def _until(look: Callable[[], Extract], state: str) -> Extract:
    return wait_for(look, lambda found: found.state == state, timeout_seconds=SECONDS_MAX)


def _read(scene: Scene, extract: Extract) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """Fetch its files; give the columns of each as its manifest names them, and its rows."""
    csu = scene.actor("csu-0df-analytics").dissemination
    for file in extract.files:
        path = scene.output / "extracts" / f"{file.id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        csu.download(file.id, path)
        columns = [c["name"] for c in csu.manifest(file.id).manifest["file"]["columns"]]
        with duckdb.connect() as connection:
            found = connection.read_parquet(str(path))
            names = found.columns
            yield columns, [dict(zip(names, row, strict=True)) for row in found.fetchall()]
