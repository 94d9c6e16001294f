"""What the chapter of three purposes has in all its parts: the same people, asked about alike."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dsfc_cli.demo.answers import Flow, Sections, Wanted
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_client import Extract

PEOPLE: Final = 100
DATA_SET: Final = "SUS_APC"
MAY, JUNE = "2018-05", "2018-06"
CSU: Final = "0DF"
PRACTICE: Final = "J81002"
NUMBER, TOKEN = "NHS_Number", "Token"
FIELDS: Final = {"Sex": "as_is", "FCE_HRG": "as_is", "Provider_Code": "as_is"}
INVOICE_FIELDS: Final = {NUMBER: "identified"}


@dataclass(slots=True)
class Purposes:
    """What the parts of the chapter share."""

    scene: Scene
    people: Sequence[str] = ()
    practices: Mapping[str, str] = field(default_factory=dict)
    """With which each is registered: the first with that of the chapter's GP."""
    references: dict[str, str] = field(default_factory=dict)
    """Agreement by purpose."""
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of the file of May, by purpose."""

    @property
    def today(self) -> str:
        return self.scene.stage.today.isoformat()

    def actor(self, identity: str) -> Any:
        return self.scene.actor(identity)


def wanted_of(told: Purposes, purpose: str, processor: str, **flow: Any) -> Wanted:
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=processor,
        processor_name=ORGANISATIONS[processor][0],
        flows=[
            Flow(
                data_set=DATA_SET,
                first_month=MAY,
                last_month=JUNE,
                purpose=purpose,
                **{"fields": FIELDS, **flow},
            )
        ],
        today=told.scene.stage.today,
    )


def end_of(sections: Sections) -> str:
    return str(sections[1]["end"])


def file_of(told: Purposes, purpose: str, month: str, client: str) -> Sequence[Mapping[str, str]]:
    door = told.actor(client).dissemination
    asked = door.request(body_of(told, purpose, month))
    upholds = asked.opt_outs is not None and asked.opt_outs.applied
    told.scene.journey.claim(
        f"The answer says whether opt-outs are upheld, and why: {why_opt_outs(asked)}",
        purpose != "COM",
        upholds,
    )
    return downloaded(told, door, door.wait(asked.id))


def why_opt_outs(asked: Extract) -> str:
    ground = None if asked.opt_outs is None else asked.opt_outs.ground
    return "it does not" if ground is None else f"{ground.reason} ({ground.source})"


def body_of(told: Purposes, purpose: str, month: str) -> dict[str, object]:
    is_for_invoices = purpose == "IV"
    return {
        "agreement": told.references[purpose],
        "purpose": purpose,
        "data_set": DATA_SET,
        "classification": "IDENTIFIABLE" if is_for_invoices else "PSEUDO_ANONYMISED",
        "periods": [month],
        "fields": [*FIELDS, *(INVOICE_FIELDS if is_for_invoices else ())],
        "formats": ["csv"],
    }


def downloaded(told: Purposes, door: Any, done: Extract) -> Sequence[Mapping[str, str]]:
    target = told.scene.output / f"{done.id}.csv"
    door.download(done.files[0].id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def numbers_in(rows: Sequence[Mapping[str, str]], people: Sequence[str]) -> int:
    cells = {value for row in rows for value in row.values()}
    return len(cells & set(people))
