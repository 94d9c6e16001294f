"""Seals of what decisions wrote: treatments taken, files held, what became of them; and permits.

A row that somebody inserted or deleted past the service would let two files leave of which one
lists the objectors in the other. So the rows of an environment and a data set are registers of a
chain of their own, made as that of facts is (docs/adr/0024, 0034). Rows are used as they were
compared with their seal, and not read again. A permit is signed, with those that were given with
it: without its row nothing is released.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, literal, select, union_all
from sqlmodel import Session

from agreements.db.decisions.registers import (
    FATE,
    HOLDING,
    ROW_DIGEST,
    TREATMENT,
    Register,
    RegisterRows,
    rows_of,
)
from agreements.db.decisions.tables import PermitRow
from agreements.db.errors import SealBroken
from agreements.db.seals.chain import BROKEN, Book, Chain, Link, Sealer, linked
from agreements.db.seals.sealed import columns_of, text_of_row
from agreements.db.seals.tables import DecisionSealRow
from agreements.decision.domain.errors import Contended
from common.audit import Entry
from common.audit.tree import leaf_hash, paths, root_by
from common.audit.tree import written as written_hash
from common.db.tables import table_of
from common.db.turns import take_turns
from common.ids import digest
from common.security.jws import NotGenuine
from common.unreadable import UNREADABLE

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PERMIT = table_of(PermitRow)
THE_CHAIN = table_of(DecisionSealRow).name
"""What is named where the chain itself is broken, or was never begun."""

CHAIN = Chain(DecisionSealRow, "decisions-sealed", name=THE_CHAIN, whole_every=256)
TURNS = 6_021_557_340_918_227_432
"""Links are added one after another (PostgreSQL), until whoever adds one has committed."""
SIGNED_TOGETHER = "permits"
WAY = "~"
"""Parts the signed statement and the steps of the way to it; a compact JWS has none."""
LEFT, RIGHT = "l", "r"

READS_MAX = 4
KEPT_ROWS_MAX = 200_000
NO_ROWS = RegisterRows(())
ANYTHING = union_all(
    *(
        select(literal(1)).where(select(literal(1)).select_from(t).exists())
        for t in (
            TREATMENT,
            HOLDING,
            FATE,
            PERMIT,
        )
    )
)


class Tampered(Exception):
    """What is there is not what was sealed. Never leaves the adapters."""

    def __init__(self, register: str) -> None:
        super().__init__(register)
        self.register = register


Written = Mapping[Register, set[object]]
"""The names of the rows that a transaction wrote, by its own account."""


@dataclass(slots=True)
class Ledger:
    """The chain as one process has read it. For one thread at a time."""

    book: Book
    _is_fresh: bool = False
    """In the transaction that is under way the chain was read."""
    _added: Link | None = field(default=None, repr=False)
    """What that transaction wrote."""
    _kept: dict[Register, tuple[str, RegisterRows]] = field(default_factory=dict, repr=False)
    """Registers that were found sealed, with their digest: they are that until the chain says
    another."""

    @classmethod
    def of(cls, sealer: Sealer) -> "Ledger":
        return cls(Book(sealer, CHAIN))

    def begin(self) -> None:
        """Begin a transaction; what another one left undone is forgotten."""
        self._is_fresh, self._added = False, None

    def look_again(self) -> None:
        """Read the chain before anything else is read: others may have committed."""
        self._is_fresh = False

    def committed(self) -> None:
        """Know one's own last link as well: it is not believed to be gone."""
        if self._added is not None:
            self.book.follow(self._added)

    def rows(self, session: Session, register: Register) -> RegisterRows:
        """Return a register's rows, which are those that were sealed.

        Raises:
            Tampered: they are others, or the chain is not what this service wrote.
            Contended: others write it without a pause.

        """
        try:
            if not self._is_fresh:
                self.book.refresh(session)
                self._is_fresh = True
            for _ in range(READS_MAX):
                digest, kept = self._kept.get(register, (None, NO_ROWS))
                if digest is not None and digest == self.book.expected(register.name):
                    return kept
                rows = rows_of(session, register, kept)
                if self._is_sealed(session, register, rows):
                    self._keep(register, rows, self.book.expected(register.name))
                    return rows
                # Another replica may have committed between the chain and the rows.
                number = self.book.number
                self.book.refresh(session)
                if self.book.number == number:
                    raise self._tampered(register)
        except SealBroken as error:
            log.critical("seal_broken", chain=THE_CHAIN, detail=str(error))
            raise Tampered(THE_CHAIN) from error
        except UNREADABLE as error:
            log.critical("seal_broken", register=register.table, exc_info=error)
            raise Tampered(register.table) from error
        raise Contended

    def seal(self, session: Session, written: Written, *, at: datetime) -> list[Entry]:
        """Add the link of what this transaction wrote; return the leaf that it owes the audit.

        Rows that were not what was sealed before do not become so: their register stays broken.
        """
        if not written:
            return []
        take_turns(session, TURNS)
        try:
            self.book.refresh(session)
        except SealBroken as error:
            log.critical("seal_broken", chain=THE_CHAIN, detail=str(error))
            return []
        changes = {}
        for register, names in sorted(written.items()):
            _, before = self._kept.get(register, (None, NO_ROWS))
            rows = rows_of(session, register, before)
            is_ours = rows.without(names).digest() == self.book.expected(register.name)
            now = rows.digest()
            changes[register.name] = now if is_ours and now is not None else BROKEN
            self._keep(register, rows, now)
        self._added, leaf = linked(session, self.book, changes, epoch=self.book.number + 2, at=at)
        return [leaf]

    def _keep(self, register: Register, rows: RegisterRows, digest: str | None) -> None:
        """Keep what these are the rows of, should the chain say that digest."""
        if digest is not None:
            if sum(len(kept) for _, kept in self._kept.values()) + len(rows) > KEPT_ROWS_MAX:
                self._kept.clear()
            self._kept[register] = digest, rows

    def _is_sealed(self, session: Session, register: Register, rows: RegisterRows) -> bool:
        if self.book.number < 0 and is_anything_there(session):
            return False  # from before there were seals, or the chain is gone
        return rows.digest() == self.book.expected(register.name)

    def _tampered(self, register: Register) -> Tampered:
        name = THE_CHAIN if self.book.number < 0 else register.table
        log.critical("seal_broken", register=name)
        return Tampered(name)


def digest_of_row(columns: Mapping[str, object]) -> str:
    """Return the digest of all that a row says, but for what says so itself."""
    return digest(text_of_row({n: v for n, v in columns.items() if n not in (ROW_DIGEST, "seal")}))


def is_anything_there(session: Session) -> bool:
    """Check whether decisions ever wrote what is sealed."""
    return session.execute(ANYTHING).first() is not None


def seals_of_permits(
    sealer: Sealer, rows: Sequence[Mapping[str, object]], *, at: datetime
) -> Iterator[str]:
    """Return the seal of each of these rows of permits, which are written together.

    It is one signature for all of them, and each one's own way to what is signed (docs/adr/0085).
    """
    root, found = paths([_leaf(row) for row in rows])
    signed = sealer.seal({SIGNED_TOGETHER: written_hash(root)}, at=at)
    return (WAY.join((signed, *map(_step, path))) for path in found)


def is_genuine(sealer: Sealer, row: Row[Any]) -> bool:
    """Check whether this service wrote that row of a permit."""
    columns = columns_of(row)
    signed, *way = str(columns["seal"]).split(WAY)
    try:
        claims = sealer.open_seal(signed)
        path = [_read_step(step) for step in way]
    except (NotGenuine, ValueError):
        return False
    if SIGNED_TOGETHER in claims:
        return bool(claims[SIGNED_TOGETHER] == written_hash(root_by(_leaf(columns), path)))
    # From before permits were signed together.
    return not way and claims.get("permit") == digest_of_row(columns)


def _leaf(row: Mapping[str, object]) -> bytes:
    return leaf_hash(digest_of_row(row).encode())


def _step(step: tuple[bool, bytes]) -> str:
    is_left, other = step
    return f"{LEFT if is_left else RIGHT}{other.hex()}"


def _read_step(text: str) -> tuple[bool, bytes]:
    """Raise ValueError where it is none."""
    if text[:1] not in (LEFT, RIGHT):
        raise ValueError("it is on no side")
    return text[0] == LEFT, bytes.fromhex(text[1:])
