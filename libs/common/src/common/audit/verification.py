"""Is the log whole? Judged offline, from a database, its checkpoints and public keys.

What it tells apart: a leaf that was edited, one that is missing, one that stands in another
place, a log that is shorter than what was signed, and a history that differs from the
signed one although it is consistent in itself (a fork).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Engine, make_url, select
from sqlmodel import Session

from common.audit.checkpoints import LEAVES_A_READ, Checkpoint
from common.audit.log import read_frontier
from common.audit.tree import Frontier, leaf_hash, written
from common.clock import Clock
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.db.unit_of_work import translated
from common.errors import AppError, NotFound
from common.ids import digest
from common.security import keys
from common.security.keys import SignedVerifier

FINDINGS_MAX = 100


class Kind(StrEnum):
    """What can be wrong with a log."""

    EDITED = "LEAF_EDITED"
    DELETED = "LEAF_DELETED"
    REORDERED = "LEAF_REORDERED"
    FORKED = "LOG_FORKED"
    TRUNCATED = "LOG_TRUNCATED"
    FRONTIER = "FRONTIER_DIFFERS"
    CHECKPOINT = "CHECKPOINT_NOT_GENUINE"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the first leaf that it touches."""

    kind: Kind
    index: int
    detail: str

    def as_json(self) -> dict[str, JsonValue]:
        """Write it for programs."""
        return {"kind": str(self.kind), "index": self.index, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Head:
    """A head known from elsewhere: a manifest carries the one of its release."""

    size: int
    root: str
    source: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what is wrong with it, in the order of the leaves."""

    log: str
    leaves: int
    root: str
    checkpoints: int
    signed_size: int
    """How many of the leaves a checkpoint vouches for."""

    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """Return what is wrong with the first broken leaf."""
        return self.findings[0] if self.findings else None

    def as_json(self) -> dict[str, JsonValue]:
        """Write it for programs."""
        return {
            "log": self.log,
            "whole": self.is_whole,
            "leaves": self.leaves,
            "root": self.root,
            "checkpoints": self.checkpoints,
            "signed_size": self.signed_size,
            "findings": [finding.as_json() for finding in self.findings],
        }


def verify(
    database: Engine | str,
    checkpoints: Path,
    jwks: Mapping[str, Any],
    *,
    log: str | None = None,
    heads: Sequence[Head] = (),
    clock: Clock | None = None,
) -> Report:
    """Judge a log. `log` is its service's name, which the file of checkpoints is named after.

    `jwks` holds every key that ever signed checkpoints of this log. `heads` may add what
    manifests say.

    Raises:
        NotFound: there is no such database.

    """
    log = log or checkpoints.stem
    signed, findings = _genuine(checkpoints, jwks, log, clock)
    known = [Head(c.size, c.root, f"checkpoint {c.number}") for c in signed]
    engine = _engine(database) if isinstance(database, str) else database
    try:
        tree, wrong = _walk(engine, [*known, *heads])
    finally:
        if isinstance(database, str):
            engine.dispose()
    findings.extend(wrong)
    findings.sort(key=lambda finding: finding.index)
    return Report(
        log=log,
        leaves=tree.size,
        root=written(tree.root()),
        checkpoints=len(signed),
        signed_size=max((c.size for c in signed), default=0),
        findings=tuple(findings[:FINDINGS_MAX]),
    )


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    # SQLite would make an empty database of a name that is not there, and find it whole.
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise NotFound("There is no such database.")
    return engines.create(url, pool_size=1, statement_timeout_seconds=600)


def _genuine(
    path: Path, jwks: Mapping[str, Any], log: str, clock: Clock | None
) -> tuple[list[Checkpoint], list[Finding]]:
    """Return the checkpoints that are genuine, and what is wrong with the others."""
    verifier = SignedVerifier(keys.checkpoint(log), lambda: jwks, clock=clock)
    found: list[Checkpoint] = []
    wrong: list[Finding] = []
    before: Checkpoint | None = None
    text = path.read_text("ascii", "replace") if path.exists() else ""
    lines = text.split("\n")[:-1]  # what follows the last end of line is half a line
    for number, line in enumerate(lines):
        reached = 0 if before is None else before.size
        try:
            current = Checkpoint.from_claims(verifier.verify(line), line)
            current.frontier()
        except (AppError, ValueError) as error:
            detail = error.detail if isinstance(error, AppError) else str(error)
            wrong.append(
                Finding(Kind.CHECKPOINT, reached, f"Line {number + 1} is not genuine: {detail}")
            )
            before = None
            continue
        if not _follows(current, before, number):
            wrong.append(
                Finding(
                    Kind.CHECKPOINT,
                    reached,
                    f"Line {number + 1} (checkpoint {current.number}) does not follow the line "
                    "before it: lines are missing, moved or of another history.",
                )
            )
        found.append(current)
        before = current
    return found, wrong


def _follows(current: Checkpoint, before: Checkpoint | None, number: int) -> bool:
    if before is None:
        # Nothing to compare with: the first line, or the one after a line that is not genuine.
        return number > 0 or (current.number == 0 and current.previous is None)
    return (
        current.number == before.number + 1
        and current.previous == digest(before.line.encode("ascii"))
        and current.size >= before.size
    )


def _walk(engine: Engine, heads: Sequence[Head]) -> tuple[Frontier, list[Finding]]:
    """Rebuild the tree from the entries themselves, and hold every known head against it."""
    wrong: list[Finding] = []
    tree = Frontier()
    expected = sorted(heads, key=lambda head: head.size)
    agreed = _pass_heads(tree, expected, 0, wrong)
    with translated(), Session(engines.reading(engine)) as session:
        for index, entry, stored in _leaves(session):
            if index != tree.size:
                missing = f"{tree.size} to {index - 1}" if index - tree.size > 1 else tree.size
                # What follows stands in no tree that was ever signed: the judgement ends here.
                wrong.append(Finding(Kind.DELETED, tree.size, f"Leaf {missing} is missing."))
                return tree, wrong
            finding = _judge(index, entry, stored)
            if finding is not None and len(wrong) < FINDINGS_MAX:
                wrong.append(finding)
            tree.append(leaf_hash(entry.encode()))
            agreed = _pass_heads(tree, expected, agreed, wrong)
        frontier = read_frontier(session)
    return tree, wrong + _judge_end(tree, frontier, expected, is_whole=not wrong)


def _judge_end(
    tree: Frontier, frontier: Frontier, heads: Sequence[Head], *, is_whole: bool
) -> list[Finding]:
    """Judge whether anything is missing at the end, and what the database itself says."""
    promised = [(head.size, head.source) for head in heads[-1:]]
    promised.append((frontier.size, "the stored frontier"))
    for size, source in promised:
        if size > tree.size:
            detail = f"The log ends after {tree.size} leaves; {source} is of {size}."
            return [Finding(Kind.TRUNCATED, tree.size, detail)]
    if is_whole and frontier.root() != tree.root():
        detail = (
            "The stored frontier is not that of the leaves: a leaf written since the last "
            "checkpoint was changed together with its hash, or the frontier was."
        )
        return [Finding(Kind.FRONTIER, max(0, tree.size - 1), detail)]
    return []


def _leaves(session: Session) -> Iterator[tuple[int, str, str]]:
    after = -1
    while True:
        query = (
            select(audit_leaf.c.index, audit_leaf.c.entry, audit_leaf.c.hash)
            .where(audit_leaf.c.index > after)
            .order_by(audit_leaf.c.index)
            .limit(LEAVES_A_READ)
        )
        rows = session.execute(query).all()
        if not rows:
            return
        for index, entry, stored in rows:
            yield index, entry, stored
            after = index


def _judge(index: int, entry: str, stored: str) -> Finding | None:
    """Judge one leaf by itself."""
    if written(leaf_hash(entry.encode())) != stored:
        return Finding(Kind.EDITED, index, f"Leaf {index} does not have the hash stored for it.")
    try:
        own = json.loads(entry)["index"]
    except (ValueError, KeyError, TypeError):
        return Finding(Kind.EDITED, index, f"Leaf {index} is not an entry.")
    if own != index:
        return Finding(
            Kind.REORDERED, index, f"Leaf {index} was written as leaf {own}: it was moved."
        )
    return None


def _pass_heads(tree: Frontier, heads: Sequence[Head], passed: int, wrong: list[Finding]) -> int:
    """Compare with the heads of this size; return how many heads are behind us."""
    while passed < len(heads) and heads[passed].size == tree.size:
        head = heads[passed]
        passed += 1
        already = any(finding.index < tree.size for finding in wrong)
        if written(tree.root()) != head.root and not already:
            since = max((h.size for h in heads[: passed - 1] if h.size < tree.size), default=0)
            wrong.append(
                Finding(
                    Kind.FORKED,
                    since,
                    f"The first {tree.size} leaves are not those of {head.source}: one of "
                    f"{since} to {tree.size - 1} was rewritten together with its hash.",
                )
            )
    return passed
