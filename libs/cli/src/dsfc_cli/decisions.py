"""What became of each decision: agreements' audit log held against dissemination's, offline.

design.md section 10, S2: every released file has exactly one release decision, and decisions that
led to nothing are listed as such.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from common.db.tables import audit_leaf

Entry = Mapping[str, Any]

PERMITTED: Mapping[str, str] = {
    "request-permitted": "extract-requested",
    "release-permitted": "file-released",
    "fetch-permitted": "delivery-begun",
}
"""What agreements writes down, and what dissemination writes down when it made use of that."""

READ_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A permission, and what it led to."""

    decision_id: str
    at: str
    action: str
    agreement: str
    client_id: str
    about: str
    """The extract or the file."""
    led_to: str | None
    """The extract, file or delivery; None where nobody made use of it."""

    def as_json(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    outcomes: Sequence[Outcome]
    wrong: Sequence[str]
    """What must not be: something that left without exactly one decision of its own."""

    @property
    def led_to_nothing(self) -> Sequence[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.led_to is None]


def judge(decided: Iterable[Entry], done: Iterable[Entry]) -> Judged:
    """Hold what agreements permitted against what dissemination did."""
    used: dict[tuple[str, str], list[str]] = {}
    for entry in done:
        if entry["action"] in PERMITTED.values():
            key = (entry["action"], str(entry["decision_id"]))
            used.setdefault(key, []).append(entry["resource"])
    outcomes, known = [], Counter[tuple[str, str]]()
    for entry in decided:
        use = PERMITTED.get(entry["action"])
        if use is None or "renews" in entry["detail"]:
            continue
        key = (use, str(entry["decision_id"]))
        known[key] += 1
        outcomes.append(_outcome(entry, used.get(key)))
    return Judged(outcomes=outcomes, wrong=list(_wrong(used, known)))


def _outcome(entry: Entry, led_to: Sequence[str] | None) -> Outcome:
    return Outcome(
        decision_id=str(entry["decision_id"]),
        at=entry["at"],
        action=entry["action"].removesuffix("-permitted"),
        agreement=entry["resource"].removeprefix("agreements/"),
        client_id=entry["client_id"],
        about=entry["detail"]["about"],
        led_to=led_to[0] if led_to else None,
    )


def _wrong(
    used: Mapping[tuple[str, str], Sequence[str]], known: Mapping[tuple[str, str], int]
) -> Iterator[str]:
    for (action, decision_id), resources in used.items():
        if known[action, decision_id] != 1:
            yield f"{resources[0]}: {action} rests on no decision that is logged ({decision_id})"
        if len(resources) > 1:
            yield f"{', '.join(resources)}: {action} more than once by {decision_id}"


def entries(engine: Engine) -> Iterator[Entry]:
    """Read a service's audit log, in order. Whether it is whole, `dsfc audit verify` says."""
    after = -1
    while True:
        query = (
            select(audit_leaf.c.index, audit_leaf.c.entry)
            .where(audit_leaf.c.index > after)
            .order_by(audit_leaf.c.index)
            .limit(READ_ROWS)
        )
        with engine.connect() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        for after, entry in rows:  # noqa: B007 - the last one is where the next read begins
            yield json.loads(entry)
