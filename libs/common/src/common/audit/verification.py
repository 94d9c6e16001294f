"""Is the log whole? Judged offline, from a database, its checkpoints and public keys.

What it tells apart: a leaf that was edited, one that is missing, one that stands in another
place, a log that is shorter than what was signed, and a history that differs from the
signed one although it is consistent in itself (a fork).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, make_url, select
from sqlmodel import Session

from common.audit import beside
from common.audit.checkpoints import LEAVES_A_READ, Checkpoint
from common.audit.entries import MEMBERS
from common.audit.findings import FINDINGS_MAX, FindingKind, Head, LogFinding, VerificationReport
from common.audit.log import read_frontier
from common.audit.tree import Frontier, leaf_hash, read, written
from common.clock import Clock
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.db.unit_of_work import translated
from common.errors import AppError, NotFound
from common.ids import canonical, digest
from common.security import keys
from common.security.jws import NotGenuine
from common.security.keys import SignedVerifier

LATE_AFTER = timedelta(minutes=15)
"""A checkpoint is signed every minute: a leaf without one so long after it lost one."""
CHECKPOINTS_BACK_MAX = timedelta(minutes=5)
LEAVES_BACK_MAX = timedelta(hours=1)
"""Clocks are set by a little, and what took long is dated when it began."""


def verify(
    database: Engine | str,
    checkpoints: Path,
    jwks: Mapping[str, Any],
    *,
    log: str | None = None,
    heads: Sequence[Head] = (),
    clock: Clock | None = None,
) -> VerificationReport:
    """Judge a log. `log` is its service's name, which the file of checkpoints is named after.

    `jwks` holds every key that ever signed checkpoints of this log. `heads` may add what
    manifests say.

    Raises:
        NotFound: there is no such database.

    """
    log = log or checkpoints.stem
    signed, findings, is_cut = _genuine(checkpoints, jwks, log, clock)
    known = [Head(c.size, c.root, f"checkpoint {c.number}") for c in signed]
    engine = _engine(database) if isinstance(database, str) else database
    try:
        walk = Walk(heads=sorted([*known, *heads], key=lambda head: head.size))
        walk.run(engine)
    finally:
        if isinstance(database, str):
            engine.dispose()
    is_any_checkpoint = bool(signed or findings)
    signed_size = max((c.size for c in signed), default=0)
    findings.extend(walk.wrong)
    findings.extend(
        _missing(signed, heads, walk, signed_size, is_cut=is_cut, is_any=is_any_checkpoint)
    )
    findings.sort(key=lambda finding: finding.index)
    return VerificationReport(
        log=log,
        leaves=walk.tree.size,
        root=written(walk.tree.root()),
        checkpoints=len(signed),
        signed_size=signed_size,
        findings=tuple(findings[:FINDINGS_MAX]),
        kept=len(heads),
        unchecked=tuple(_unchecked(walk, heads, signed_size, is_cut=is_cut)),
    )


def kept_checkpoints(
    text: str, jwks: Mapping[str, Any], *, log: str, source: str, clock: Clock | None = None
) -> list[Head]:
    """Read checkpoints that somebody else kept, a line each.

    Raises:
        NotGenuine: one of them was not signed by this log's service.

    """
    verifier = SignedVerifier(keys.checkpoint(log), lambda: jwks, clock=clock)
    found = []
    for line in text.split():
        try:
            kept = Checkpoint.from_claims(verifier.verify(line), line)
            kept.frontier()
        except ValueError as error:
            raise NotGenuine(f"{source} has a line that is no checkpoint: {error}.") from error
        found.append(Head(kept.size, kept.root, f"checkpoint {kept.number} of {source}", line))
    return found


def kept_manifest(
    compact: str, jwks: Mapping[str, Any], *, log: str, source: str, clock: Clock | None = None
) -> Head | None:
    """Read the head that a manifest carries; None where it is of another log.

    Raises:
        NotGenuine: it is not a manifest that dissemination signed.

    """
    claims = SignedVerifier(keys.MANIFEST, lambda: jwks, clock=clock).verify(compact.strip())
    try:
        head = claims["audit"]
        if head["log"] != log:
            return None
        read(head["root"])
        return Head(int(head["size"]), str(head["root"]), f"manifest {source}")
    except (KeyError, TypeError, ValueError) as error:
        raise NotGenuine(f"{source} names no head of a log.") from error


def _missing(
    signed: Sequence[Checkpoint],
    heads: Sequence[Head],
    walk: "Walk",
    signed_size: int,
    *,
    is_cut: bool,
    is_any: bool,
) -> Iterator[LogFinding]:
    """Name the checkpoints that must have been there: they are signed every minute."""
    if walk.tree.size and not signed and not is_any:
        yield LogFinding(
            FindingKind.MISSING,
            walk.tree.size,
            f"There are {walk.tree.size} leaves and no checkpoint: the file is empty or gone.",
        )
    elif is_cut and walk.tree.size > signed_size:
        yield LogFinding(
            FindingKind.MISSING,
            signed_size,
            "The last line is not whole: the file was cut, or its writer was stopped in it.",
        )
    elif walk.late is not None:
        yield LogFinding(
            FindingKind.MISSING,
            signed_size,
            f"Leaf {signed_size} is {walk.late} older than the last one, and no checkpoint is "
            "over it: checkpoints are missing at the end.",
        )
    own = {checkpoint.line for checkpoint in signed}
    for head in heads:
        if head.line is not None and head.line not in own:
            yield LogFinding(
                FindingKind.MISSING,
                min(head.size, walk.tree.size),
                f"The service's own file lacks {head.source}.",
            )


def _unchecked(
    walk: "Walk", heads: Sequence[Head], signed_size: int, *, is_cut: bool
) -> Iterator[str]:
    if is_cut:
        yield "Whether the half line at the end of the checkpoints was once a whole one."
    if not heads:
        yield (
            "Whether the database and its checkpoints were both put back to an earlier state: that"
            " takes a checkpoint, a manifest or a head that somebody else kept."
        )
    else:
        size = max(head.size for head in heads)
        if size < walk.tree.size:
            yield (
                f"Whether what followed leaf {size - 1}, the last that the kept heads are over, was"
                " put back to an earlier state together with its checkpoints."
            )
    if signed_size < walk.tree.size:
        yield (
            f"Whether leaves {signed_size} to {walk.tree.size - 1} were changed together with their"
            " hashes and the frontier: no checkpoint is over them yet."
        )


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    # SQLite would make an empty database of a name that is not there, and find it whole.
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise NotFound("There is no such database.")
    return engines.create(url, pool_size=1, statement_timeout_seconds=600)


def _genuine(
    path: Path, jwks: Mapping[str, Any], log: str, clock: Clock | None
) -> tuple[list[Checkpoint], list[LogFinding], bool]:
    """Return genuine checkpoints, what is wrong with others, and whether half a line follows."""
    verifier = SignedVerifier(keys.checkpoint(log), lambda: jwks, clock=clock)
    found: list[Checkpoint] = []
    wrong: list[LogFinding] = []
    before: Checkpoint | None = None
    text = path.read_text("ascii", "replace") if path.exists() else ""
    *lines, half = text.split("\n")
    for number, line in enumerate(lines):
        reached = 0 if before is None else before.size
        try:
            current = Checkpoint.from_claims(verifier.verify(line), line)
            current.frontier()
        except (AppError, ValueError) as error:
            detail = error.detail if isinstance(error, AppError) else str(error)
            wrong.append(
                LogFinding(
                    FindingKind.CHECKPOINT, reached, f"Line {number + 1} is not genuine: {detail}"
                )
            )
            before = None
            continue
        if not _follows(current, before, number):
            wrong.append(
                LogFinding(
                    FindingKind.CHECKPOINT,
                    reached,
                    f"Line {number + 1} (checkpoint {current.number}) does not follow the line "
                    "before it: lines are missing, moved or of another history.",
                )
            )
        if before is not None and before.at - current.at > CHECKPOINTS_BACK_MAX:
            detail = f"Checkpoint {current.number} is dated before checkpoint {before.number}."
            wrong.append(LogFinding(FindingKind.TIME, reached, detail))
        found.append(current)
        before = current
    return found, wrong, bool(half)


def _follows(current: Checkpoint, before: Checkpoint | None, number: int) -> bool:
    if before is None:
        # Nothing to compare with: the first line, or the one after a line that is not genuine.
        return number > 0 or (current.number == 0 and current.previous is None)
    return (
        current.number == before.number + 1
        and current.previous == digest(before.line.encode("ascii"))
        and current.size >= before.size
    )


@dataclass(slots=True)
class Walk:
    """Rebuilds the tree from the entries themselves, and holds every known head against it."""

    heads: Sequence[Head]
    """In the order of their sizes."""
    tree: Frontier = field(default_factory=Frontier)
    wrong: list[LogFinding] = field(default_factory=list)
    late: timedelta | None = None
    """How long before the last leaf the first was that no checkpoint is over."""
    _agreed: int = 0
    _unsigned_since: datetime | None = None
    _last_at: datetime | None = None
    _is_cut_short: bool = False

    def run(self, engine: Engine) -> None:
        signed = max((h.size for h in self.heads), default=0)
        self._agreed = _pass_heads(self.tree, self.heads, 0, self.wrong)
        with translated(), Session(engines.reading(engine)) as session:
            index_of = beside.side_index(session)
            stored = 0
            for rows in _portions(session):
                stored += len(rows)
                entries = [row for row in rows if self._is_in_place(row[0])]
                for index, entry, hashed in entries:
                    if self._is_cut_short:
                        break
                    self._take(index, entry, hashed, signed)
                if index_of is not None and not self._is_cut_short:
                    self._add(index_of.judge(entries))
            frontier = _stored_frontier(session)
            end = _judge_end(self.tree, frontier, self.heads, is_whole=not self.wrong)
            is_shorter = any(finding.kind is FindingKind.TRUNCATED for finding in end)
            if index_of is not None and not self._is_cut_short and not is_shorter:
                self._add(index_of.judge_end())
            count = session.execute(select(func.count()).select_from(audit_leaf)).scalar_one()
        if count != stored:
            detail = f"The table has {count} leaves, of which {stored} can be read in order."
            self._add([LogFinding(FindingKind.INSERTED, self.tree.size, detail)])
        if self._unsigned_since is not None and self._last_at is not None:
            waited = self._last_at - self._unsigned_since
            self.late = waited if waited > LATE_AFTER else None
        if not self._is_cut_short:
            self.wrong.extend(end)

    def _is_in_place(self, index: object) -> bool:
        """Say whether a leaf can be one of the tree at all."""
        if type(index) is int and index >= 0:
            return True
        detail = f"There is a leaf {str(index)[:40]}, where none can be: it was slipped in."
        self._add([LogFinding(FindingKind.INSERTED, 0, detail)])
        return False

    def _take(self, index: int, entry: object, stored: object, signed: int) -> None:
        if index < self.tree.size:
            detail = f"There are two leaves {index}: one was slipped in."
            self._add([LogFinding(FindingKind.INSERTED, index, detail)])
            return
        if index != self.tree.size:
            size = self.tree.size
            missing = f"{size} to {index - 1}" if index - size > 1 else size
            # What follows stands in no tree that was ever signed: the judgement ends here.
            self.wrong.append(LogFinding(FindingKind.DELETED, size, f"Leaf {missing} is missing."))
            self._is_cut_short = True
            return
        text = entry if isinstance(entry, str) else ""
        finding = _judge(index, text, stored)
        at = None if finding is not None else datetime.fromisoformat(json.loads(text)["at"])
        if at is not None:
            if self._last_at is not None and self._last_at - at > LEAVES_BACK_MAX:
                detail = f"Leaf {index} is dated {self._last_at - at} before one before it."
                finding = LogFinding(FindingKind.TIME, index, detail)
            self._last_at = at if self._last_at is None else max(at, self._last_at)
            if index >= signed and self._unsigned_since is None:
                self._unsigned_since = at
        if finding is not None:
            self._add([finding])
        self.tree.append(leaf_hash(text.encode()))
        self._agreed = _pass_heads(self.tree, self.heads, self._agreed, self.wrong)

    def _add(self, findings: Iterable[LogFinding]) -> None:
        for finding in findings:
            if len(self.wrong) < FINDINGS_MAX:
                self.wrong.append(finding)


def _stored_frontier(session: Session) -> Frontier | None:
    """Return what the database itself says the tree is; None where that is no tree."""
    try:
        return read_frontier(session)
    except (ValueError, TypeError):
        return None


def _judge_end(
    tree: Frontier, frontier: Frontier | None, heads: Sequence[Head], *, is_whole: bool
) -> list[LogFinding]:
    """Judge whether anything is missing at the end, and what the database itself says."""
    promised = [(head.size, head.source) for head in heads[-1:]]
    if frontier is not None:
        promised.append((frontier.size, "the stored frontier"))
    for size, source in promised:
        if size > tree.size:
            detail = f"The log ends after {tree.size} leaves; {source} is of {size}."
            return [LogFinding(FindingKind.TRUNCATED, tree.size, detail)]
    if frontier is None:
        return [LogFinding(FindingKind.FRONTIER, tree.size, "The stored frontier is no tree.")]
    if tree.size > frontier.size:
        detail = f"The service wrote {frontier.size} leaves; those after were slipped in."
        return [LogFinding(FindingKind.INSERTED, frontier.size, detail)]
    if is_whole and frontier.root() != tree.root():
        detail = (
            "The stored frontier is not that of the leaves: a leaf written since the last "
            "checkpoint was changed together with its hash, or the frontier was."
        )
        return [LogFinding(FindingKind.FRONTIER, max(0, tree.size - 1), detail)]
    return []


def _portions(session: Session) -> Iterator[Sequence[Any]]:
    """Read all leaves, also those that stand before the first."""
    after: object = None
    while True:
        query = select(audit_leaf.c.index, audit_leaf.c.entry, audit_leaf.c.hash)
        if after is not None:
            query = query.where(audit_leaf.c.index > after)
        rows = session.execute(query.order_by(audit_leaf.c.index).limit(LEAVES_A_READ)).all()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _judge(index: int, entry: str, stored: object) -> LogFinding | None:
    """Judge one leaf by itself."""
    if written(leaf_hash(entry.encode("utf-8", "surrogatepass"))) != stored:
        return LogFinding(
            FindingKind.EDITED, index, f"Leaf {index} does not have the hash stored for it."
        )
    try:
        found = json.loads(entry)
        own = found["index"]
        # Names twice, or spaces: two who read it might not read the same.
        is_ours = canonical(found).decode() == entry and found.keys() == MEMBERS
        is_ours = is_ours and datetime.fromisoformat(found["at"]).tzinfo is not None
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours, own = False, None
    if not is_ours:
        return LogFinding(FindingKind.EDITED, index, f"Leaf {index} is not an entry.")
    if own != index:
        return LogFinding(
            FindingKind.REORDERED, index, f"Leaf {index} was written as leaf {own}: it was moved."
        )
    return None


def _pass_heads(tree: Frontier, heads: Sequence[Head], passed: int, wrong: list[LogFinding]) -> int:
    """Compare with the heads of this size; return how many heads are behind us."""
    while passed < len(heads) and heads[passed].size == tree.size:
        head = heads[passed]
        passed += 1
        already = any(finding.index < tree.size for finding in wrong)
        if written(tree.root()) != head.root and not already:
            since = max((h.size for h in heads[: passed - 1] if h.size < tree.size), default=0)
            wrong.append(
                LogFinding(
                    FindingKind.FORKED,
                    since,
                    f"The first {tree.size} leaves are not those of {head.source}: one of "
                    f"{since} to {tree.size - 1} was rewritten together with its hash.",
                )
            )
    return passed
