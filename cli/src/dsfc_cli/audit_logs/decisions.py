"""What became of each decision: agreements' audit log held against the others', offline.

design.md section 10, S2: every released file has exactly one release decision, and decisions that
led to nothing are listed as such. So has whatever the haven told of people.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Engine, inspect, select

from agreements.db.decisions.tables import DecisionRow
from common.audit.tree import leaf_hash, written
from common.db.tables import audit_leaf
from common.ids import digest

Entry = Mapping[str, Any]

PERMITTED: Mapping[str, tuple[str, ...]] = {
    "request-permitted": ("extract-requested",),
    "release-permitted": ("file-released",),
    "fetch-permitted": ("delivery-begun",),
}
"""What agreements writes down, and what dissemination writes down when it made use of that."""
OF_PEOPLE: Mapping[str, tuple[str, ...]] = {
    "reidentify-permitted": ("re-identification-asked", "re-identification-answered"),
    "match-permitted": ("invoice-matched", "invoice-match-alert"),
    "return_scores-permitted": ("risk-scores-returned",),
}
"""The same of the haven, where somebody is told of people."""

READ_ROWS = 10_000
DECISION = DecisionRow.__table__  # type: ignore[attr-defined]  # table=True


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
    """The extract, file, delivery or answer; None where nobody made use of it."""

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


class NotAsWritten(ValueError):
    """A leaf is not where or what it was written as, so that nothing of the log is believed."""


def judge(
    decided: Iterable[Entry],
    done: Iterable[Entry],
    rows: Mapping[str, Entry] | None = None,
    *,
    told: Iterable[Entry] | None = None,
) -> Judged:
    """Hold what agreements permitted against what dissemination did, and the haven told.

    `rows` are the logged decisions, which must be those that the leaves tell of. `told` is the
    haven's log; without it nothing is said of what it was permitted to tell.
    """
    uses = PERMITTED if told is None else {**PERMITTED, **OF_PEOPLE}
    permitted_by = {action: permitted for permitted, made in uses.items() for action in made}
    used: dict[tuple[str, str], list[str]] = {}
    for entry in chain(done, () if told is None else told):
        if entry["action"] in permitted_by:
            key = (permitted_by[entry["action"]], str(entry["decision_id"]))
            used.setdefault(key, []).append(entry["resource"])
    outcomes, known = [], Counter[tuple[str, str]]()
    unlike: list[str] = []
    in_log: set[str] = set()
    for entry in decided:
        if rows is not None and entry["decision_id"] is not None:
            in_log.add(entry["decision_id"])
            if _of_row(rows.get(entry["decision_id"])) != _of_leaf(entry):
                unlike.append(f"decision {entry['decision_id']}: its row is not what was logged")
        if entry["action"] not in uses or "renews" in entry["detail"]:
            continue
        key = (entry["action"], str(entry["decision_id"]))
        known[key] += 1
        outcomes.append(_outcome(entry, used.get(key)))
    extra = [] if rows is None else sorted(rows.keys() - in_log)
    unlike += [f"decision {id_}: its row is in no log" for id_ in extra]
    return Judged(outcomes=outcomes, wrong=[*_wrong(used, known), *unlike])


def _of_leaf(entry: Entry) -> tuple[object, ...]:
    return (
        entry["action"],
        entry["resource"],
        entry["client_id"],
        entry["organisation"],
        entry["at"],
        entry["detail"]["about"],
        entry["detail"]["epoch"],
        entry["detail"]["line"],
        entry["detail"]["decision"],
    )


def _of_row(row: Entry | None) -> tuple[object, ...]:
    """Return the same of a logged decision, whose texts the leaf has the digest of."""
    if row is None:
        return ()
    return (
        f"{row['action']}-{'permitted' if row['permitted'] else 'refused'}",
        f"agreements/{row['agreement']}",
        row["client_id"],
        row["organisation"],
        row["at"].isoformat(),
        row["subject"],
        row["epoch"],
        row["line"],
        digest(f"{row['inputs']}\n{row['outcome']}\n{row['rules']}".encode()),
    )


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
    for (permitted, decision_id), resources in used.items():
        action = " or ".join({**PERMITTED, **OF_PEOPLE}[permitted])
        if known[permitted, decision_id] != 1:
            yield f"{resources[0]}: {action} rests on no decision that is logged ({decision_id})"
        if len(resources) > 1:
            yield f"{', '.join(resources)}: {action} more than once by {decision_id}"


def rows(engine: Engine) -> Mapping[str, Entry] | None:
    """Read all logged decisions of agreements, by id; None in a copy of the log alone."""
    if not inspect(engine).has_table(DECISION.name):
        return None
    with engine.connect() as connection:
        found = connection.execute(select(*DECISION.c)).mappings()
        return {str(row["id"]): dict(row) for row in found}


def entries(engine: Engine) -> Iterator[Entry]:
    """Read a service's audit log, in order, and hold each leaf against its hash.

    Raises:
        NotAsWritten: a leaf is missing, slipped in or not what its hash says.

    """
    expected, after = 0, None
    while True:
        query = select(audit_leaf.c.index, audit_leaf.c.entry, audit_leaf.c.hash)
        if after is not None:
            query = query.where(audit_leaf.c.index > after)
        with engine.connect() as connection:
            rows_ = connection.execute(query.order_by(audit_leaf.c.index).limit(READ_ROWS)).all()
        if not rows_:
            return
        for index, entry, stored in rows_:
            if index != expected or written(leaf_hash(str(entry).encode())) != stored:
                raise NotAsWritten(f"Leaf {expected} is not there, or not what its hash says.")
            expected += 1
            yield json.loads(entry)
        after = rows_[-1][0]
