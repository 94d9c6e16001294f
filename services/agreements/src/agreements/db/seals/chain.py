"""Seals: a signed chain that says what this service itself recorded (docs/adr/0024).

Each change of facts adds one link: the digests of the registers that it changed, and the digest of
the link before. Whoever writes into the database past the service leaves rows that no link is
over; whoever puts an old link back leaves a chain that ends before the epoch, before the audit
tree, and before what a running process has seen.
"""

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from sqlalchemy import BigInteger, bindparam, func, insert, select
from sqlmodel import Session, col

from agreements.db import written
from agreements.db.errors import SealBroken
from agreements.db.seals.sealed import (
    SEALED,
    Record,
    RowWithParts,
    columns_of,
    digest_of_rows,
    key_of,
    read,
)
from agreements.db.seals.tables import LinkRow, SealRow
from agreements.db.written import Changed
from common import audit as audit_log
from common.audit import Entry
from common.db.prepared import Prepared
from common.db.tables import audit_leaf, table_of
from common.ids import canonical, digest, new_id_text
from common.security import keys
from common.security.jwks import KeySet
from common.security.jws import NotGenuine, open_compact, unverified
from common.security.keys import SEAL, SIGNATURE_RECEIPT, KeyUse, Signer
from common.security.principal import BODY
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SEALED_ACTION = "facts-sealed"
OWNER = "agreements"
BROKEN = "broken"
"""Stands for the digest of a register that was changed past the service: no rows have it."""

KNOWN_RECEIPTS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """One seal, as it is stored."""

    number: int
    epoch: int
    changes: Mapping[str, str]
    statement: str

    @property
    def digest(self) -> str:
        return digest(self.statement.encode())


@dataclass(slots=True)
class Sealer:
    """Signs seals and receipts with the service's key, and knows its own again."""

    signer: Signer | None
    """None: it only judges."""
    former: Sequence[Mapping[str, Any]] = ()
    """Public halves of the keys that signed before this one."""
    _keys: KeySet = field(init=False, repr=False)
    _receipts: dict[str, Mapping[str, Any]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        own = [] if self.signer is None else self.signer.jwks()["keys"]
        every = [*own, *self.former]
        self._keys = KeySet(lambda: {"keys": every})

    def seal(self, link: Mapping[str, Any], *, at: datetime) -> str:
        said, jti = canonical(dict(link)), new_id_text()
        return keys.issue_written(self._own(), SEAL, said, jti=jti, at=at)

    def open_seal(self, statement: str) -> Mapping[str, Any]:
        """Return its claims. Raises NotGenuine."""
        return self._opened(SEAL, statement)

    def mark(self, text: str) -> str:
        """Mark a text as our own, without a signature: no other service has to know it."""
        signer = self._own()
        return f"{signer.kid}:{signer.mac(text, typ=str(SEAL.typ))}"

    def knows(self, mark: str | None) -> bool:
        """Whether a mark says that it was made with the key in use."""
        kid, _, _ = (mark or "").partition(":")
        return self.signer is not None and kid == self.signer.kid

    def made(self, mark: str | None, text: str) -> bool:
        """Whether we made that mark on that text, with the key in use."""
        return self.knows(mark) and hmac.compare_digest(str(mark), self.mark(text))

    def receipt(self, claims: Mapping[str, Any], *, at: datetime) -> str:
        return keys.issue(self._own(), SIGNATURE_RECEIPT, claims, at=at)

    def open_receipt(self, statement: str) -> Mapping[str, Any]:
        """Return its claims; what was once found genuine stays so. Raises NotGenuine."""
        known = self._receipts.get(statement)
        if known is None:
            known = self._opened(SIGNATURE_RECEIPT, statement)
            if len(self._receipts) >= KNOWN_RECEIPTS_MAX:
                self._receipts.clear()
            self._receipts[statement] = known
        return known

    def _own(self) -> Signer:
        if self.signer is None:
            raise TypeError("whoever only judges does not sign")
        return self.signer

    def _opened(self, use: KeyUse, statement: str) -> Mapping[str, Any]:
        opened = open_compact(
            statement,
            self._keys,
            algorithms=use.algorithms,
            length_max=keys.STATEMENT_LENGTH_MAX,
        )
        # It was signed by our own clock, whatever that said: it is not compared with another.
        issued = keys.instant(opened.claims, "iat")
        keys.demand(opened, use=use, issuer=str(use.iss), audience=str(use.aud), now=issued)
        return opened.claims


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the links of a chain are kept, and how they are told apart from those of another."""

    row: type[LinkRow]
    action: str
    """Of the leaves of the audit tree that name its links."""
    name: str | None = None
    """What each link says that it is one of; None: nothing, as links of facts always did."""
    whole_every: int | None = None
    """Each link whose number this divides names all registers, so that a process which starts
    reads from the newest of these on. None: it reads them all."""


FACTS = Chain(SealRow, SEALED_ACTION)


@dataclass(slots=True)
class Book:
    """The chain as one process has read it: it only ever gets longer. For one thread at a time."""

    sealer: Sealer
    chain: Chain = FACTS
    number: int = -1
    epoch: int = 0
    head: str | None = None
    _digests: dict[str, str] = field(default_factory=dict, repr=False)
    _last: tuple[tuple[Any, ...], Link] | None = field(default=None, init=False, repr=False)
    """The link that was read last, as it is stored and as it was read."""

    def expected(self, register: str) -> str | None:
        """Return the digest that the register's rows must have; None: it has no rows."""
        return self._digests.get(register)

    def registers(self) -> frozenset[str]:
        """Return the names of all registers that were ever sealed."""
        return frozenset(self._digests)

    def refresh(self, session: Session) -> None:
        """Read what was added. What is wrong changes nothing here, so that it stays wrong.

        Raises:
            SealBroken: the chain does not go on from where we know it to have been.

        """
        start = self._start(session)
        links = self._links(session, start)
        number, epoch, head, last = self.number, self.epoch, self.head, None
        added: dict[str, str] = {}
        if self.number >= 0:
            first = next(links, None)
            if first is None or first.number != self.number or first.digest != self.head:
                raise SealBroken("the chain was rolled back")
        elif start > 0:
            last = next(links, None)
            if last is None or last.number != start or not _claims(last, self.chain).get("whole"):
                raise SealBroken(f"link {start} does not name all registers")
            number, epoch, head = last.number, last.epoch, last.digest
            added.update(last.changes)
        for link in links:
            claims = _claims(link, self.chain)
            if link.number != number + 1 or claims.get("previous") != head:
                raise SealBroken(f"link {link.number} does not follow {number}")
            if link.epoch <= epoch:
                raise SealBroken(f"link {link.number} goes back to epoch {link.epoch}")
            number, epoch, head, last = link.number, link.epoch, link.digest, link
            added.update(link.changes)
        if last is None:
            if self.number < 0 and last_audited(session, self.chain.action) is not None:
                raise SealBroken("the chain was deleted")
            return
        self._judge(session, last, is_first=self.number < 0)
        self._digests.update(added)
        self.number, self.epoch, self.head = number, epoch, head

    def follow(self, link: Link) -> None:
        """Go on to a link that this process wrote itself, once it is committed."""
        if link.number == self.number + 1:
            self._digests.update(link.changes)
            self.number, self.epoch, self.head = link.number, link.epoch, link.digest

    def changed(self, changes: Mapping[str, str]) -> Mapping[str, str]:
        """Return what the next link is to say: what changed, or all that there is."""
        every = self.chain.whole_every
        is_whole = every is not None and (self.number + 1) % every == 0
        return {**self._digests, **changes} if is_whole else changes

    def _start(self, session: Session) -> int:
        """Return the link to read from: the last that is known, or one that needs none before."""
        if self.number >= 0 or self.chain.whole_every is None:
            return max(self.number, 0)
        last = max(newest(session, self.chain), 0)
        return last // self.chain.whole_every * self.chain.whole_every

    def _links(self, session: Session, start: int) -> Iterator[Link]:
        rows = _after(self.chain.row).every(session.connection(), {"start": start})
        return (self._link(tuple(row)) for row in rows)

    def _link(self, row: tuple[Any, ...]) -> Link:
        """Read a link. Nearly always it is the last again, as it was: read once."""
        known = self._last
        if known is None or known[0] != row:
            known = self._last = row, _link(*row)
        return known[1]

    def _judge(self, session: Session, last: Link, *, is_first: bool) -> None:
        """Judge the newest link: it vouches for those before it, and the audit tree for it."""
        try:
            self.sealer.open_seal(last.statement)
        except NotGenuine as error:
            raise SealBroken("the newest link is not signed by this service") from error
        if is_first and last_audited(session, self.chain.action) != (last.number, last.digest):
            raise SealBroken("the newest link is not the one that the audit log names last")


@cache
def _after(row: type[LinkRow]) -> Prepared:
    of = table_of(row).c
    return Prepared(
        select(*of["number", "epoch", "changes", "statement"])
        .where(of.number >= bindparam("start", type_=BigInteger))
        .order_by(of.number)
    )


def _link(number: Any, epoch: Any, changes: str, statement: str) -> Link:
    try:
        read_changes = dict(json.loads(changes))
    except (ValueError, TypeError) as error:
        raise SealBroken(f"link {number} cannot be read") from error
    if _written(read_changes) != changes:
        raise SealBroken(f"link {number} was written by somebody else")
    return Link(number, epoch, read_changes, statement)


def _claims(link: Link, chain: Chain) -> Mapping[str, Any]:
    """Return what the statement says, once it says the same as the row beside it."""
    claims = unverified(link.statement)
    expected = {
        "number": link.number,
        "epoch": link.epoch,
        "changes": _digest_of(link.changes),
        "chain": chain.name,
    }
    if any(claims.get(name) != value for name, value in expected.items()):
        raise SealBroken(f"link {link.number} is not what its statement says")
    return claims


def _written(changes: Mapping[str, str]) -> str:
    return canonical([[name, changes[name]] for name in sorted(changes)]).decode()


def _digest_of(changes: Mapping[str, str]) -> str:
    return digest(_written(changes).encode())


def newest(session: Session, chain: Chain) -> int:
    """Return the number of the newest link that a snapshot shows; -1: there is none."""
    found = session.execute(select(func.max(col(chain.row.number)))).scalar_one()
    return -1 if found is None else int(found)


def last_audited(session: Session, action: str = SEALED_ACTION) -> tuple[int, str] | None:
    """Return number and digest of the link that the audit log names last."""
    entry = session.execute(
        select(audit_leaf.c.entry)
        .where(audit_leaf.c.entry.contains(f'"action":"{action}"'))
        .order_by(audit_leaf.c.index.desc())
        .limit(1)
    ).scalar_one_or_none()
    if entry is None:
        return None
    try:
        detail = json.loads(entry)["detail"]
        return int(detail["number"]), str(detail["seal"])
    except (ValueError, KeyError, TypeError):
        return None


def seal(session: Session, book: Book) -> None:
    """Add the link of this transaction's change of facts, and its leaf of the audit tree.

    A register whose former rows are not what was sealed stays broken: what somebody slipped in is
    not sealed with what we wrote. The change itself is kept, for it may take permission away.
    """
    stamped = written.stamped(session)
    if stamped is None:
        return
    try:
        book.refresh(session)
    except SealBroken as error:
        log.critical("seal_broken", detail=str(error))
        return
    if stamped.epoch <= book.epoch or (book.number < 0 and stamped.epoch != 1):
        # The counter was set back, or facts are older than the first seal: `seal` must be run.
        log.critical("facts_not_sealed", epoch=stamped.epoch, sealed_epoch=book.epoch)
        return
    changes = {}
    for row, changed in written.changes(session).items():
        sealed = SEALED[row]
        rows = read(session, sealed, changed.values)
        for value in changed.values:
            register = sealed.register(value)
            found = rows.get(value, [])
            before = digest_of_rows(_before(found, changed))
            if before != book.expected(register):
                log.critical("seal_broken", register=sealed.table.name)
                changes[register] = BROKEN
                continue
            changes[register] = digest_of_rows(one.record() for one in found) or BROKEN
    append(session, book, changes, epoch=stamped.epoch, at=stamped.at)


def append(
    session: Session, book: Book, changes: Mapping[str, str], *, epoch: int, at: datetime
) -> None:
    """Write the next link, and its leaf of the audit tree."""
    _, leaf = linked(session, book, changes, epoch=epoch, at=at)
    audit_log.append(session, [leaf])


def linked(
    session: Session, book: Book, changes: Mapping[str, str], *, epoch: int, at: datetime
) -> tuple[Link, Entry]:
    """Write the next link; return it with the leaf that the caller owes the audit tree."""
    chain, number, said = book.chain, book.number + 1, book.changed(changes)
    claims: dict[str, Any] = {
        "number": number,
        "epoch": epoch,
        "changes": _digest_of(said),
        "previous": book.head,
    }
    if chain.name is not None:
        claims["chain"] = chain.name
    if chain.whole_every is not None and number % chain.whole_every == 0:
        claims["whole"] = True
    statement = book.sealer.seal(claims, at=at)
    session.execute(
        insert(chain.row).values(
            number=number, epoch=epoch, changes=_written(said), statement=statement
        )
    )
    leaf = Entry(
        at=at,
        action=chain.action,
        resource=f"{table_of(chain.row).name}s/{number}",
        subject=OWNER,
        client_id=OWNER,
        organisation=BODY,
        role=Role.SERVICE_AGREEMENTS.value,
        detail={
            "number": number,
            "epoch": epoch,
            "seal": digest(statement.encode()),
            "registers": len(said),
        },
    )
    return Link(number, epoch, said, statement), leaf


def _before(found: Sequence[RowWithParts], changed: Changed) -> Iterator[Record]:
    """Return the records as they were before this transaction, by its own account."""
    for one in found:
        key = key_of(columns_of(one.row))
        if key in changed.added:
            continue
        if key in changed.former:
            yield one.record(**changed.former[key])
        elif key in changed.superseded:
            yield one.record(superseded_epoch=None)
        else:
            yield one.record()
