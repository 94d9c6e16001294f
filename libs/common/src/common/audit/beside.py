"""What auditors find leaves by must lead to all of them, and to no others.

Dissemination keeps the agreement of each leaf in a table of its own. What it says is in the leaf
as well, so that the table can be held against the tree.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, String, column, func, inspect, select, table
from sqlmodel import Session

from common.audit.findings import FindingKind, LogFinding

SUBJECT = table("audit_subject", column("agreement", String), column("leaf_index", BigInteger))


def side_index(session: Session) -> "SideIndex | None":
    """Return the judge of the table beside the log, where the service has one."""
    if not inspect(session.connection()).has_table(SUBJECT.name):
        return None
    return SideIndex(session)


@dataclass(slots=True)
class SideIndex:
    session: Session
    _right: int = field(default=0)

    def judge(self, leaves: Sequence[Any]) -> Iterator[LogFinding]:
        """Compare the entries of some leaves, in order, with the rows about them."""
        if not leaves:
            return
        first, last = leaves[0][0], leaves[-1][0]
        rows = self.session.execute(
            select(SUBJECT.c.leaf_index, SUBJECT.c.agreement)
            .where(SUBJECT.c.leaf_index >= first)
            .where(SUBJECT.c.leaf_index <= last)
        ).all()
        named: dict[object, list[object]] = {}
        for index, agreement in rows:
            named.setdefault(index, []).append(agreement)
        for index, entry, _ in leaves:
            about = _agreement(entry)
            found = named.get(index, [])
            self._right += len(found)
            if found != ([] if about is None else [about]):
                yield LogFinding(
                    FindingKind.INDEX,
                    index,
                    f"Auditors do not find leaf {index} under its agreement.",
                )

    def judge_end(self) -> Iterator[LogFinding]:
        """Say whether there are rows about leaves that are not there."""
        count = self.session.execute(select(func.count()).select_from(SUBJECT)).scalar_one()
        if count != self._right:
            yield LogFinding(
                FindingKind.INDEX,
                0,
                f"{count - self._right} rows lead auditors to leaves that are none.",
            )


def _agreement(entry: object) -> str | None:
    try:
        detail = json.loads(str(entry))["detail"]
        return str(detail["agreement"]) if "agreement" in detail else None
    except (ValueError, KeyError, TypeError):
        return None
