"""Whether lists of opt-outs, checks and editions are what the audit log says of them.

Who is left out rests on the rows of lists and checks: on which there are, of which day, in which
state; whether an edition may be released rests on what its row says of landing rules and maps. The
leaf of each change tells it, so that a row that was altered or slipped in past the service, and of
lists one that was deleted, is seen before anything is prepared by it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import Session, select

from common import audit
from common.unreadable import UNREADABLE
from pseudonymisation.db.held.kept import KEPT, LOG
from pseudonymisation.db.opt_outs import to_check, to_list
from pseudonymisation.db.tables import OptOutCheckRow, OptOutListRow
from pseudonymisation.preparations.domain.preparation import PinnedEdition

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LISTS, CHECKS, EDITIONS = "opt-out-lists/", "opt-out-checks/", "editions/"
ROW = "row"
"""Has the digest of what an edition is read and judged by."""
LOOKED_AT = "opt-out-check-request-read"
"""It tells of no change."""


class Logged:
    """What the log says of them, for as long as the process runs."""

    def __init__(self, checkpoints: Path | None = None) -> None:
        """`checkpoints`: their directory; None: the log is held against itself alone."""
        self.rows = audit.LoggedRows(LOG, KEPT, checkpoints, note=self._note)
        self._newest: dict[str, Mapping[str, Any]] = {}
        """By resource, what its newest change said."""
        self._editions: dict[str, str | None] = {}
        self._lock = Lock()

    def have(self, session: Session, editions: Iterable[PinnedEdition]) -> bool:
        """Say whether these are what was landed; of one from before the log says that it was."""
        with self._lock:
            is_whole, _ = self.rows.catch_up(session)
            unlike = [
                name
                for name, digest in ((f"{EDITIONS}{one.id}", one.digest) for one in editions)
                if self._editions.get(name, "") not in {None, digest}
            ]
        if unlike or not is_whole:
            log.critical("editions_not_as_logged", resources=unlike, log=is_whole)
        return is_whole and not unlike

    def lists_agree(self, session: Session) -> bool:
        """Say whether all rows are as the log has them, and none is missing."""
        try:
            rows = dict(_rows(session))
        except UNREADABLE as error:
            log.critical("opt_outs_not_as_logged", exc_info=error)
            return False
        with self._lock:
            is_whole, _ = self.rows.catch_up(session)
            unlike = [name for name, said in rows.items() if self._differs(name, said)]
            unlike += self._newest.keys() - rows.keys()
        if unlike or not is_whole:
            log.critical("opt_outs_not_as_logged", resources=sorted(unlike), log=is_whole)
        return is_whole and not unlike

    def _differs(self, name: str, said: Mapping[str, Any]) -> bool:
        """Compare what both have: a leaf from before has less."""
        told = self._newest.get(name)
        return told is None or any(told[k] != said[k] for k in said.keys() & told.keys())

    def _note(self, entry: Mapping[str, Any]) -> None:
        resource = str(entry["resource"])
        if resource.startswith(EDITIONS):
            self._editions[resource] = entry["detail"].get(ROW) or self._editions.get(resource)
        if resource.startswith((LISTS, CHECKS)) and entry["action"] != LOOKED_AT:
            self._newest[resource] = dict(entry["detail"])


def _rows(session: Session) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for row in session.exec(select(OptOutListRow)):
        yield f"{LISTS}{UUID(str(row.id))}", to_list(row).logged
    for check in session.exec(select(OptOutCheckRow)):
        yield f"{CHECKS}{UUID(str(check.id))}", to_check(check).logged
