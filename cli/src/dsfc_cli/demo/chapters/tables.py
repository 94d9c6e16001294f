"""Tables: decided, counted in the haven, protected with a proof, released by the same door."""

import csv
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

import disclosure
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.sandbox import CSU
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_client import Dissemination, Tabulation

SUPPRESSED: Final = "AGGREGATE_SUPPRESSED"
BY_RIGHT: Final = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
COLUMNS: Final[Mapping[str, str]] = {
    "Provider_Code": "as_is",
    "Sex": "as_is",
    "Der_Age_Band": "derived",
}
HIDDEN: Final = "*"
UNITS: Final = (7, 97)
"""Raw counts of two units: with an exact total the first follows (domain.md 7.8, row 5)."""

Cells = Mapping[tuple[str, ...], str]


def tell(scene: Scene) -> None:
    """Tell all of it. Raises ClaimFailed at the first claim that does not hold."""
    agreement = scene.stage.in_force(_wanted(scene), "Tables of the area")
    first = _a_table(scene, agreement)
    _what_is_not_permitted(scene, agreement)
    _beside(scene, agreement, first)
    _by_right(scene, agreement)
    _by_hand(scene)


def _wanted(scene: Scene) -> Wanted:
    sandbox = scene.sandbox
    flows = [
        Flow(
            data_set=sandbox.data_set,
            fields=COLUMNS,
            first_month=sandbox.month,
            last_month=sandbox.month,
            classification=classification,
        )
        for classification in (SUPPRESSED, BY_RIGHT)
    ]
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=flows,
        today=scene.stage.today,
    )


def _door(scene: Scene) -> Dissemination:
    return scene.actor("csu-0df-analytics").dissemination


def _body(scene: Scene, agreement: str, *columns: str, **changes: object) -> dict[str, Any]:
    return {
        "agreement": agreement,
        "purpose": "COM",
        "data_set": scene.sandbox.data_set,
        "classification": SUPPRESSED,
        "periods": [scene.sandbox.month],
        "dimensions": [{"column": column} for column in columns],
        **changes,
    }


def _made(scene: Scene, agreement: str, *columns: str, **changes: object) -> Tabulation:
    door = _door(scene)
    return door.wait_for_table(door.tabulate(_body(scene, agreement, *columns, **changes)).id)


def _cells(scene: Scene, table: Tabulation) -> Cells:
    """Fetch the file, checked against its manifest, and read it."""
    target = scene.output / "tables" / f"{table.id}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    _door(scene).download(table.files[0].id, target)
    with target.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines))
    width = len(rows[0])
    return {tuple(row[:-1]): row[-1] for row in rows[1:] if len(row) == width}


def _said(scene: Scene, table: Tabulation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _door(scene).manifest(table.files[0].id).manifest["table"]
    return found


def _a_table(scene: Scene, agreement: str) -> Tabulation:
    journey = scene.journey
    journey.chapter("A table is counted in the haven and protected with a proof")
    table = _made(scene, agreement, "Provider_Code", "Der_Age_Band")
    cells, said = _cells(scene, table), _said(scene, table)
    hidden = [cell for cell, text in cells.items() if text == HIDDEN]
    journey.say(
        f"{len(cells)} cells by provider and age band, {len(hidden)} of them hidden:"
        f" {', '.join(f'{n} {reason}' for reason, n in said['hidden'].items())}."
    )
    journey.claim("Some numbers are hidden, and some are shown", True, 0 < len(hidden) < len(cells))
    journey.claim(
        "Every number that is shown is rounded to 5, and none is of 1 to 7",
        set(),
        {text for text in cells.values() if text != HIDDEN and int(text) % 5},
    )
    journey.claim(
        "Rule, version and the digest of the proof stand in the signed manifest",
        ("HES", 1, True),
        (said["rule"], said["rule_version"], said["certificate"].startswith("sha256:")),
    )
    lines = [one for one in _door(scene).register() if one.status is not None]
    journey.claim("The public register has one line more", True, len(lines) > 1)
    return table


def _what_is_not_permitted(scene: Scene, agreement: str) -> None:
    journey, door = scene.journey, _door(scene)
    journey.chapter("What the line does not allow is refused before anything is counted")
    for what, code, columns, changes in _refused():
        body = _body(scene, agreement, *columns, **changes)
        journey.refused(what, code, partial(door.tabulate, body))


def _refused() -> Sequence[tuple[str, str, tuple[str, ...], dict[str, Any]]]:
    return (
        (
            "A dimension that is not in the line",
            "DIMENSION_NOT_IN_DSA",
            ("Ethnic_Group",),
            {},
        ),
        (
            "Something that no rule protects",
            "DISCLOSURE_RULE_MISSING",
            ("Sex",),
            {"measure": "beds"},
        ),
        (
            "Months of which the line says nothing",
            "PERIOD_NOT_IN_DSA",
            ("Sex",),
            {"periods": ["2010-01"]},
        ),
    )


def _beside(scene: Scene, agreement: str, first: Tabulation) -> None:
    journey = scene.journey
    journey.chapter("What its recipient has already is part of the attack on the next table")
    again = _made(scene, agreement, "Provider_Code", "Der_Age_Band")
    extract = _door(scene).manifest(first.files[0].id).manifest["extract_id"]
    journey.claim(
        "Asked for again, it is protected together with the first, which its manifest names",
        [extract],
        _said(scene, again).get("earlier", []),
    )
    before, now = _cells(scene, first), _cells(scene, again)
    journey.claim(
        "It shows nothing that the first one hides",
        set(),
        {cell for cell, text in before.items() if text == HIDDEN and now[cell] != HIDDEN},
    )


def _by_right(scene: Scene, agreement: str) -> None:
    journey = scene.journey
    journey.chapter("Where the line has a right to small numbers, they are exact, for it alone")
    table = _made(scene, agreement, "Sex", classification=BY_RIGHT)
    cells, said = _cells(scene, table), _said(scene, table)
    journey.claim(
        "Nothing is hidden, and the manifest says that it is not to be published",
        (0, "exact", True),
        (
            sum(text == HIDDEN for text in cells.values()),
            said["disclosure"],
            any("not to be published" in note.replace("\n", " ") for note in said["footnotes"]),
        ),
    )


def _by_hand(scene: Scene) -> None:
    journey = scene.journey
    journey.chapter("What hands protect, an attacker undoes: SHMI, two trusts and an exact England")
    rule = disclosure.rule("SHMI")
    trusts = disclosure.Dimension.flat("trust", ["RA1", "RB1"], total="England", is_geography=True)
    by_hand: Cells = {("RA1",): HIDDEN, ("RB1",): "95", ("England",): "104"}
    found = disclosure.check((trusts,), by_hand, rule)
    told = [one for one in found.findings if one.verdict is disclosure.Verdict.RECOVERED]
    journey.claim(
        "`* 95 / 104` obeys the rule, and tells that the hidden number is 7",
        [("RA1",), 7, 7],
        [part for one in told for part in (one.cell, one.low, one.high)],
    )
    ours = disclosure.protect(disclosure.Table(dimensions=(trusts,), counts=np.array(UNITS)), rule)
    left = disclosure.attack(ours.view(), exact=True)
    journey.claim(
        f"Ours prints {' '.join(ours.texts.tolist())}, and every hidden number keeps three values",
        True,
        disclosure.verify(ours) > 0 and all(one.verdict is disclosure.Verdict.SAFE for one in left),
    )
