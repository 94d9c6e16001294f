"""Corrects a text in which `scan-texts` found personal data, frozen or not (docs/adr/0028).

Only such a text, only by one in which nothing is found and that is no longer, and only where no
hash or signature is over it: what was signed is withheld from the public, and amended. Who did it
and why is in the audit log; neither text is.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Column, MetaData, Table, select, update
from sqlmodel import Session

from common import audit
from common.audit import Entry
from common.db.texts import ROWS_AT_ONCE
from common.personal_data import find_personal_data
from common.texts import found_in, shown

P = TypeVar("P")
Row = Mapping[str, Any]

NO_ROW: Final = "There is no such row; copy table, row and place from a line of scan-texts."


class NotMended(Exception):
    """Why nothing was changed, and what to do. No value is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an operator wants: the place as `scan-texts` lists it, the text, and why."""

    table: str
    row: str
    place: str
    """Column and pointer, as in `sections/9/purposes/0/objective`."""
    text: str
    reason: str
    by: str


def in_place(session: Session, table: Table, row: Row, column: Column[Any], value: Any) -> None:
    """Change a row where it stands."""
    keys = [key == row[key.name] for key in table.primary_key.columns]
    session.execute(update(table).where(*keys).values({column.name: value}))


def append(session: Session, _row: Row, entry: Entry) -> None:
    audit.append(session, [entry])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending(Generic[P]):
    """What of a service's texts can be corrected, and how it is written."""

    transaction: Callable[[P], AbstractContextManager[Session]]
    columns: Mapping[str, frozenset[str]]
    """By table: columns of texts that no hash and no signature is over."""
    write: Callable[[Session, Table, Row, Column[Any], Any], None] = in_place
    log: Callable[[Session, Row, Entry], None] = field(default=append)


def mend(
    session: Session,
    metadata: MetaData,
    mending: Mending[Any],
    order: Order,
    entry: Callable[[str], Entry],
) -> None:
    """Put the text in the place of the former one; `entry` makes the audit entry for a resource.

    Raises:
        NotMended: nothing was changed.

    """
    _require_clean(order)
    table, column, pointer = _place(metadata, mending, order)
    row = _row(session, table, order.row)
    former = _at(row[column.name], pointer)
    if not isinstance(former, str) or not list(found_in(former)):
        raise NotMended("No personal data are found there; only what scan-texts lists is mended.")
    if len(order.text) > len(former):
        raise NotMended(f"The text is longer than the former one, of {len(former)} characters.")
    mending.write(session, table, row, column, _put(row[column.name], pointer, order.text))
    mending.log(session, row, entry(f"{table.name}/{order.row}"))


def _require_clean(order: Order) -> None:
    for name, text in (("text", order.text), ("reason", order.reason), ("by", order.by)):
        if not text.strip():
            raise NotMended(f"The {name} is empty.")
        if find_personal_data(text):
            raise NotMended(f"Personal data stand in the {name}.")


def _place(
    metadata: MetaData, mending: Mending[Any], order: Order
) -> tuple[Table, Column[Any], Sequence[str]]:
    name, *pointer = order.place.split("/")
    if name not in mending.columns.get(order.table, frozenset()):
        allowed = "; ".join(f"{t}: {', '.join(sorted(c))}" for t, c in mending.columns.items())
        raise NotMended(
            "A hash or a signature is over what stands there, or it is no text of a person. What is"
            " signed is withheld from the public and mended by an amendment. Mended here are: "
            f"{allowed or 'none'}."
        )
    table = metadata.tables[order.table]
    return table, table.columns[name], [p.replace("~1", "/").replace("~0", "~") for p in pointer]


def _row(session: Session, table: Table, wanted: str) -> Row:
    """Find a row by its key as it is listed, and lock it."""
    keys = list(table.primary_key.columns)
    listed = session.execute(select(*keys).execution_options(yield_per=ROWS_AT_ONCE))
    found = next((k for k in listed if ",".join(shown(str(part)) for part in k) == wanted), None)
    listed.close()
    if found is None:
        raise NotMended(NO_ROW)
    query = select(*table.columns).where(*(k == v for k, v in zip(keys, found, strict=True)))
    return dict(session.execute(query.with_for_update()).mappings().one())


def _at(value: Any, pointer: Sequence[str]) -> Any:
    for part in pointer:
        match value:
            case dict() if part in value:
                value = value[part]
            case list() if part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            case _:
                raise NotMended(NO_ROW)
    return value


def _put(value: Any, pointer: Sequence[str], text: str) -> Any:
    if not pointer:
        return text
    changed = deepcopy(value)
    *way, last = pointer
    inner = _at(changed, way)
    inner[int(last) if isinstance(inner, list) else last] = text
    return changed
