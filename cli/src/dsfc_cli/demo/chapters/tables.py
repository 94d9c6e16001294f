"""Tables: decided, counted in the haven, protected with a proof, released by the same door."""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

import disclosure
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER, PEOPLE, SEED
from dsfc_cli.demo.sandbox import CSU, PROVIDER
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_cli.dissemination.tabulating import BY_RIGHT, SUPPRESSED
from dsfc_cli.synthetic import World, generate
from dsfc_client import Dissemination, DsfcError, Tabulation

COLUMNS: Final[Mapping[str, str]] = {
    "Provider_Code": "as_is",
    "Sex": "as_is",
    "Der_Age_Band": "derived",
}
SMALL: Final = ("Provider_Code", "Sex")
"""Of one person in a hundred the sex is not said: numbers of them are small wherever they are."""
HIDDEN: Final = "*"
UNITS: Final = (7, 97)
"""Raw counts of two units: with an exact total the first follows (domain.md 7.8, row 5)."""

THREE: Final = (7, 22, 21)
"""Raw counts that are safe by themselves, and not beside their exact total."""
CSDS_SMALL_MAX: Final = 4
MORTALITY: Final = ("2018-05", date(2015, 6, 1), date(2018, 5, 31))
"""The month by which an edition is asked for, and its days."""

Cells = Mapping[tuple[str, ...], str]


def tell(scene: Scene) -> None:
    """Tell all of it. Raises ClaimFailed at the first claim that does not hold."""
    agreement = scene.stage.in_force(_wanted(scene), "Tables of the area")
    first = _a_table(scene, agreement)
    _what_is_not_permitted(scene, agreement)
    _beside(scene, agreement, first)
    _by_right(scene, agreement)
    _mortality(scene, agreement)
    _by_the_rule_of_community_care(scene)
    _by_hand(scene)
    _by_difference(scene)


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
    mortality = Flow(
        data_set="SHMI",
        fields={"PROCODE3": "as_is", "SEX": "as_is"},
        first_month=MORTALITY[0],
        last_month=MORTALITY[0],
        reasons=(),
        classification=SUPPRESSED,
    )
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[*flows, mortality],
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
    return _read(target)


def _read(file: Path) -> Cells:
    """Read a table from CSV; its footnotes have lines of another width."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines))
    width = len(rows[0])
    return {tuple(row[:-1]): row[-1] for row in rows[1:] if len(row) == width}


def _hidden(cells: Cells) -> int:
    return sum(text == HIDDEN for text in cells.values())


def _said(scene: Scene, table: Tabulation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _door(scene).manifest(table.files[0].id).manifest["table"]
    return found


def _a_table(scene: Scene, agreement: str) -> Tabulation:
    journey = scene.journey
    journey.chapter("A table is counted in the haven and protected with a proof")
    table = _made(scene, agreement, *SMALL)
    cells, said = _cells(scene, table), _said(scene, table)
    hidden = [cell for cell, text in cells.items() if text == HIDDEN]
    journey.say(
        f"{len(cells)} cells by provider and sex, {len(hidden)} of them hidden:"
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
    again = _made(scene, agreement, *SMALL)
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
            _hidden(cells),
            said["disclosure"],
            any("not to be published" in note.replace("\n", " ") for note in said["footnotes"]),
        ),
    )


def _mortality(scene: Scene, agreement: str) -> None:
    journey = scene.journey
    journey.chapter("A table of SHMI, by the command: 1 to 7 are hidden, the rest rounded")
    _land_mortality(scene)
    (file,) = _by_command(
        scene, agreement, "SHMI", "--by", "PROCODE3", "--by", "SEX", "--period", MORTALITY[0]
    )
    cells = _read(file)
    units = {cell: text for cell, text in cells.items() if cell[0] != "Total"}
    journey.say(f"{len(cells)} cells by trust and sex, {_hidden(cells)} of them hidden.")
    journey.claim(
        "Some numbers of trusts are hidden; the others are 0 or from 10 on, and rounded to 5",
        (True, set()),
        (
            _hidden(units) > 0,
            {t for t in units.values() if t not in {HIDDEN, "0"} and (int(t) < 10 or int(t) % 5)},
        ),
    )
    manifest = _door(scene).manifest(file.stem).manifest
    journey.claim(
        "The manifest says by which rule, and that hidden numbers are proved to stay so",
        ("SHMI", "protected", True),
        (
            manifest["table"]["rule"],
            manifest["table"]["disclosure"],
            manifest["table"]["certificate"].startswith("sha256:"),
        ),
    )


def _land_mortality(scene: Scene) -> None:
    """One trust sends an edition of three years; the body says that it is published."""
    month, first, last = MORTALITY
    file = scene.output / "shmi.csv"
    world = World.create(people=PEOPLE, seed=SEED)
    generate("SHMI", rows=400, seed=SEED, first=first, last=last, world=world, path=file)
    haven = scene.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    haven.wait(haven.submit("SHMI", month, file).id)
    published = {"data_set": "SHMI", "period": month, "published_on": scene.sandbox.today}
    scene.actor("body-register").agreements.post("/v1/publications", published)


def _by_command(scene: Scene, agreement: str, *asked: str) -> Sequence[Path]:
    """Ask, wait and fetch as `dsfc table` does; return the files."""
    profile = scene.suite.write_profile()
    told = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "dsfc_cli.main", "table", agreement, *asked,
         "--as", "csu-0df-analytics", "--to", str(scene.output / "tables"),
         "--profile", str(profile)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if told.returncode:
        raise DsfcError(told.stderr.strip())
    return [Path(line) for line in told.stdout.splitlines()]


def _by_the_rule_of_community_care(scene: Scene) -> None:
    """CSDS is relational and not in the catalogue yet: its rule on counts of a flat file."""
    journey = scene.journey
    journey.chapter("A recipient's own counts of a flat file, by the rule of CSDS: 0 to 4 hidden")
    counts = Counter(
        (row["Provider_Code"], row["Der_Primary_Diagnosis_Code"])
        for row in scene.rows_of(scene.submitted)
    )
    units, causes = (sorted({cell[at] for cell in counts}) for at in (0, 1))
    question = {
        "action": "protect",
        "rule": "CSDS",
        "dimensions": [
            {"name": "provider", "categories": units, "total": "All"},
            {"name": "cause", "categories": causes, "total": "All"},
        ],
        "cells": [
            {"labels": [unit, cause], "value": str(counts[unit, cause])}
            for unit in units
            for cause in causes
        ],
    }
    ours = _door(scene).check_table(question)
    texts = {tuple(cell["labels"]): cell["value"] for cell in ours["cells"]}
    small = {cell for cell in product(units, causes) if counts[cell] <= CSDS_SMALL_MAX}
    journey.claim(
        f"All {len(small)} numbers of 0 to 4 are hidden, and every other is rounded to 5",
        (True, set(), set()),
        (
            len(small) > 0,
            {cell for cell in small if texts[cell] != HIDDEN},
            {text for text in texts.values() if text != HIDDEN and int(text) % 5},
        ),
    )
    again = _door(scene).check_table({**question, "action": "check", "cells": ours["cells"]})
    journey.claim("The attacker works out none of them", True, again["is_safe"])


def _by_difference(scene: Scene) -> None:
    journey = scene.journey
    journey.chapter("A second release that would have told by difference does not")
    units = disclosure.Dimension.flat("provider", ["RH8", "RJE", "R0A"])
    table = disclosure.Table(dimensions=(units,), counts=np.array(THREE))
    first = disclosure.Earlier("the first release", (), sum(THREE), sum(THREE))
    alone = disclosure.protect(table, disclosure.rule("HES"))
    found = disclosure.attack(replace(alone.view(), earlier=(first,)), exact=True)
    journey.claim(
        f"`{' '.join(alone.texts.tolist())}` alone is safe; beside the exact {sum(THREE)} that was"
        " shown before, only 6 and 7 are left for the first",
        [(disclosure.Verdict.RECOVERED, 6, 7)],
        [(one.verdict, one.low, one.high) for one in found],
    )
    both = disclosure.protect(table, disclosure.rule("HES"), earlier=(first,))
    left = disclosure.attack(both.view(), exact=True)
    journey.claim(
        f"Made beside the first it is `{' '.join(both.texts.tolist())}`, and three are left",
        {disclosure.Verdict.SAFE},
        {one.verdict for one in left},
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
