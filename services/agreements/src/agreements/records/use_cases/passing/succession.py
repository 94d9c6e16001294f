"""What a transfer instrument would pass to a successor, said before it is recorded (ruling 4)."""

from dataclasses import dataclass
from datetime import date, datetime

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import ContractState
from agreements.records.use_cases.agreements import facts_about
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.destruction.ledgers import destroyed_of
from agreements.records.use_cases.organisations import require_possible_transfer
from agreements.records.use_cases.ports import Slice
from common.clock import start_of
from statements import document
from statements.document import Terms
from statements.vocabulary import Classification

PREVIEWED_MAX = 10_000
"""Agreements of one organisation that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPreview:
    """What an instrument would move: all that the predecessor has on its day."""

    contracts: int
    agreements: tuple[str, ...]
    relationships: int
    files: int
    domains: int
    """Pseudonym domains, which go on under the same agreements: tokens stay what they were."""
    not_as_sealed: tuple[str, ...]


def preview_transfer(
    predecessor: str, successor: str, valid_from: date, *, ctx: Context
) -> TransferPreview:
    """Say beforehand what would pass to the successor (ruling 4); nothing is written.

    Raises:
        OrganisationUnknown, TransferInCircle, TransferRecorded: it could not be recorded.

    """
    at = max(ctx.clock.now(), start_of(valid_from))
    with ctx.uow.reading() as tx:
        require_possible_transfer(tx, predecessor, successor, valid_from)
        contracts = [
            one
            for one in tx.contracts.find(organisation=predecessor)
            if one.state_at(at) is ContractState.IN_FORCE
        ]
        everything = Slice(after=None, rows=PREVIEWED_MAX)
        agreements = [
            one
            for one in tx.agreements.page(everything, scope=frozenset({predecessor}))
            if one.ended(at, facts_about(tx, one, at, ctx)) is None
            or tx.holdings.has_files_out(one.reference)
        ]
        relationships = [
            one
            for one in tx.relationships.find(commissioner=predecessor)
            if one.valid_to is None or one.valid_to >= valid_from
        ]
        by_agreement = [(one, tx.holdings.of(one.reference)) for one in agreements]
        gone = {id_ for one, held in by_agreement for id_ in destroyed_of(tx, one, held)}
        # A bridging file that two of them have is one file.
        files = len(
            {file.id for _, held in by_agreement for file in held if not file.is_void} - gone
        )
    [unlike] = ctx.uow.not_as_sealed([*contracts, *agreements, *relationships])
    return TransferPreview(
        contracts=len(contracts),
        agreements=tuple(one.reference for one in agreements),
        relationships=len(relationships),
        files=files,
        domains=sum(_domains(one, at) for one in agreements),
        not_as_sealed=tuple(unlike),
    )


def _domains(agreement: Agreement, at: datetime) -> int:
    """Count the pseudonym domains of the version that governs (design.md section 7)."""
    said = document.read(agreement.shown(at).document)
    return len(
        {
            (
                line.key.purpose,
                line.environment_organisation,
                line.environment_kind,
                line.opt_outs_applied,
                said.linked_with(line.key.data_set),
            )
            for line in said.lines
            if isinstance(line, Terms)
            and line.key.classification == Classification.PSEUDO_ANONYMISED
        }
    )
