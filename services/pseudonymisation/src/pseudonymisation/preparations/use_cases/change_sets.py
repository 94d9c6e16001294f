"""What leads from an earlier extract to the one that is being made (docs/adr/0105)."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from uuid import UUID

from catalogue import DataSet
from common.jobs import Claim
from common.security.jws import unverified
from pseudonymisation.preparations.domain.attestation import lists_of
from pseudonymisation.preparations.domain.changes import (
    EarlierFile,
    file_before,
    key_of,
    require_comparable,
    require_told_safely,
)
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.groups import FileOf
from pseudonymisation.preparations.domain.preparation import (
    PinnedOptOutList,
    Preparation,
    PreparedFile,
)
from pseudonymisation.preparations.use_cases.ports import (
    EarlierExtract,
    ExtractEngine,
    ExtractOrder,
    PreparationUnitOfWork,
    PreparedFiles,
    ReleaseStore,
)
from statements.attestation import Attestation, AttestedChanges
from statements.permit import Permit


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """A change set that a permit is leave for."""

    earlier: Preparation
    store: ReleaseStore
    engine: ExtractEngine

    @classmethod
    def asked_for(
        cls,
        permit: Permit,
        *,
        uow: PreparationUnitOfWork,
        store: ReleaseStore,
        engine: ExtractEngine,
    ) -> Self | None:
        """Return it; None where none is wanted. Raise NotPrepared where none can be made."""
        if permit.changes_since is None:
            return None
        with uow.reading() as tx:
            found = tx.preparations.of_extract(UUID(permit.changes_since))
        return cls(earlier=require_comparable(found, permit), store=store, engine=engine)

    def of(
        self,
        one: FileOf,
        data_set: DataSet,
        order: ExtractOrder,
        made: PreparedFiles,
        opt_outs: Sequence[PinnedOptOutList],
        claim: Claim[Preparation],
    ) -> tuple[PreparedFiles, AttestedChanges]:
        """Make what leads to one of the files, and say from where. Raise NotPrepared."""
        earlier = (
            EarlierFile(file, Attestation.read(unverified(file.attestation)))
            for file in self.earlier.files
        )
        before = file_before(earlier, one, data_set)
        key = key_of(one, data_set, order.rules)
        upheld = one.permit.opt_out.applied and not one.data_set.is_about_nobody
        lists = frozenset(lists_of(opt_outs)) if upheld else None
        changes = self.engine.changes(
            order,
            made,
            EarlierExtract(
                key=key,
                bring=lambda target: self._bring(before.file, target),
                require_told_safely=lambda has_removals: require_told_safely(
                    lists_before=before.lists, lists=lists, has_removals=has_removals
                ),
            ),
            attempt=claim.attempt,
        )
        return (
            PreparedFiles(replace(made.outcome, rows=changes.rows), changes.files),
            before.changes(self.earlier.permit.extract_id, one.known(key)),
        )

    def _bring(self, file: PreparedFile, target: Path) -> None:
        """Put it there as it was released. Raise NotPrepared."""
        with self.store.opened(file.object_key) as source:
            if source is None:
                raise NotPrepared(FailureCode.EARLIER_EXTRACT_GONE)
            with target.open("xb") as copy:
                shutil.copyfileobj(source, copy)
        with target.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        if f"sha256:{digest}" != file.digest:
            raise NotPrepared(FailureCode.EARLIER_EXTRACT_GONE)
