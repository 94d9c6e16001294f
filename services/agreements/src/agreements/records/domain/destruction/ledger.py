"""What recipients hold of an agreement's files, where, and what of it must go by when.

A file is held by whoever operates a place that the agreement names, and in its back-ups (domain.md
3.7). What has to be destroyed follows from dates and facts alone: no job has to run for it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from agreements.records.domain.agreement import Agreement, Circumstances
from agreements.records.domain.breach import Breach, Demand
from agreements.records.domain.contract import Contract
from agreements.records.domain.parties.organisation import TransferInstrument, related
from agreements.records.domain.parties.registration import Section251Approval
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.terms.onward import OnwardShare
from agreements.records.domain.version import AgreementLine, AgreementVersion
from common.clock import end_of, legal_day
from common.ids import digest_of
from statements.vocabulary import LineKey

PASSED_ON = "where it was passed on to"
"""Stands for the place of whoever has it by onward sharing: no agreement names one."""
ENVIRONMENT = "the recipient environment of the line"
"""Where a file is of which the agreement names no place of its holder."""
LIVE_KINDS = frozenset({"processing", "storage"})
BACK_UP_KINDS = frozenset({"backup", "disaster_recovery"})
COPY_DIGITS = 16


class CopyKind(StrEnum):
    LIVE = "live"
    BACK_UP = "back_up"


class Trigger(StrEnum):
    """Why a file has to be destroyed."""

    EXPIRED = "expired"
    TERMINATED = "terminated"
    LINE_REMOVED = "line_removed"
    RECIPIENT_CHANGED = "recipient_changed"
    """Its line lands in another recipient environment since: a change of CSU, for one."""
    BREACH = "breach"
    SECTION_251_ENDED = "section_251_ended"
    CONTRACT_ENDED = "contract_ended"
    """A controller has no framework contract any more, which every agreement of it rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestructionRule:
    """By when what a trigger concerns has to be destroyed, and how long a back-up may age out."""

    valid_from: date
    trigger: Trigger
    days: int
    back_up_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """A file that was released and not destroyed yet, or when it was."""

    holding_id: UUID
    file_id: str
    extract_id: str
    key: LineKey
    line: int
    """Its number in the version by which it was released."""
    version: str
    holder: str
    released_at: datetime
    is_fetched: bool
    """Whether bytes of it ever left."""
    is_void: bool = False
    """Whether another took its place before anybody fetched it: nobody holds it, or ever will."""
    destroyed_at: datetime | None = None

    @property
    def is_out(self) -> bool:
        return self.destroyed_at is None and not self.is_void


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file at one holder's place, live or in its back-ups."""

    file_id: str
    holder: str
    place: str
    kind: CopyKind

    @property
    def id(self) -> str:
        """Its name in a certificate: the same for the same file, holder, place and kind."""
        named = digest_of([self.file_id, self.holder, self.place, self.kind.value])
        return named.removeprefix("sha256:")[:COPY_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    trigger: Trigger
    since: datetime
    by: date
    back_ups_by: date

    def is_overdue(self, at: datetime) -> bool:
        return at >= end_of(self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A file, where it is held, and by when it must be destroyed; None: it may be held."""

    file: LedgerFile
    copies: tuple[Copy, ...]
    due: Due | None

    def with_the_other(self, other: "LedgerLine") -> "LedgerLine":
        """Say of a bridging file what both of its agreements say: it goes with the first."""
        dues = [due for due in (self.due, other.due) if due is not None]
        return replace(
            self,
            copies=tuple(dict.fromkeys((*self.copies, *other.copies))),
            due=min(dues, key=lambda due: (due.by, due.since), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What destruction rests on that is not the agreement's own."""

    circumstances: Circumstances
    rules: tuple[DestructionRule, ...]
    breaches: Sequence[Breach] = ()
    approvals: Mapping[str, Section251Approval]
    contracts: Mapping[str, Sequence[Contract]] = field(default_factory=dict)
    """Those that count for each controller today, whatever became of them."""
    shares: Sequence[OnwardShare] = ()
    """What was passed on: whoever has it holds a copy, by which clause ever (R22)."""
    instruments: Sequence[TransferInstrument] = ()
    """By which organisations follow others: a successor's environment is no other recipient."""

    def rule(self, trigger: Trigger, day: date) -> DestructionRule | None:
        rules = [r for r in self.rules if r.trigger is trigger and r.valid_from <= day]
        return max(rules, key=lambda r: r.valid_from) if rules else None


def ledger(
    agreement: Agreement, files: Iterable[LedgerFile], grounds: Grounds, at: datetime
) -> tuple[LedgerLine, ...]:
    """Say of each file where it is held and by when it must be destroyed."""
    ended = _ended(agreement, grounds.circumstances, at)
    return tuple(
        LedgerLine(
            file=file,
            copies=copies(file, agreement, at, grounds) if file.is_out else (),
            due=_due(file, agreement, ended, grounds, at) if file.is_out else None,
        )
        for file in files
    )


def copies(
    file: LedgerFile, agreement: Agreement, at: datetime, grounds: Grounds
) -> tuple[Copy, ...]:
    """Name every place where a file may be: of its own version, and of each in effect since.

    A place that an amendment takes out of the agreement does not lose its copy by that. Whoever
    data of its line went on to holds one as well, by a clause or without. Places of a version in
    which the line lands with somebody else are theirs, and have other files.
    """
    shares = grounds.shares
    released = agreement.numbered(file.version).sequence
    found = dict.fromkeys(
        copy
        for version in agreement.versions
        if version.sequence == released
        or (
            version.sequence > released
            and _began(version, at)
            and not _lands_elsewhere(file, agreement, version, grounds, at)
        )
        for copy in _at_places(file, version)
    )
    if not any(copy.holder == file.holder for copy in found):
        own = Copy(file_id=file.file_id, holder=file.holder, place=ENVIRONMENT, kind=CopyKind.LIVE)
        found = {own: None, **found}
    holders = {copy.holder for copy in found}
    for recipient in sorted({one.recipient for one in shares if _is_of(one, file, agreement)}):
        if recipient not in holders:
            passed_on = Copy(
                file_id=file.file_id, holder=recipient, place=PASSED_ON, kind=CopyKind.LIVE
            )
            found[passed_on] = None
    return tuple(found)


def _is_of(share: OnwardShare, file: LedgerFile, agreement: Agreement) -> bool:
    """Check whether a file may be in what was passed on: of its line, and released by then."""
    lines = agreement.numbered(share.version_number).lines
    keys = {line.key for line in lines if line.number == share.line}
    return file.key in keys and file.released_at < end_of(share.shared_on)


def _began(version: AgreementVersion, at: datetime) -> bool:
    begin = version.effective_from()
    return begin is not None and begin <= at


def _at_places(file: LedgerFile, version: AgreementVersion) -> Iterable[Copy]:
    for place in version.locations:
        kinds = place.get("kinds")
        held = {str(kind) for kind in kinds} if isinstance(kinds, list) else set()
        named = ", ".join(str(place[part]) for part in ("address", "postcode") if part in place)
        for kind, of_kind in ((CopyKind.LIVE, LIVE_KINDS), (CopyKind.BACK_UP, BACK_UP_KINDS)):
            if held & of_kind:
                yield Copy(
                    file_id=file.file_id, holder=str(place.get("operator")), place=named, kind=kind
                )


# By when


def may_be_due(agreement: Agreement, grounds: Grounds, at: datetime) -> bool:
    """Say whether any file of it may have to go, before a file is looked at.

    Of an agreement in force with one version that has governed, no finding that orders it, no
    approval that a line relies on, and contracts in force, none has.
    """
    return (
        len(agreement.governed(at)) != 1
        or agreement.ended(at, grounds.circumstances) is not None
        or any(Demand.DESTROY in (breach.actions or ()) for breach in grounds.breaches)
        or bool(approvals_of(agreement, at))
        or bool(_without_contract(agreement, grounds.contracts, at))
    )


def _due(
    file: LedgerFile,
    agreement: Agreement,
    ended: tuple[Trigger, datetime] | None,
    grounds: Grounds,
    at: datetime,
) -> Due | None:
    found = [] if ended is None else [ended]
    found += _line_removed(file, agreement, at)
    found += _recipient_changed(file, agreement, grounds, at)
    found += _ordered(file, agreement, grounds.breaches, at)
    found += _without_approval(file, agreement, grounds.approvals, at)
    found += _without_contract(agreement, grounds.contracts, at)
    dues = [
        Due(
            trigger=trigger,
            since=since,
            by=legal_day(since) + timedelta(days=rule.days),
            back_ups_by=legal_day(since) + timedelta(days=rule.back_up_days),
        )
        for trigger, since in found
        if (rule := grounds.rule(trigger, legal_day(since))) is not None
    ]
    return min(dues, key=lambda due: (due.by, due.since), default=None)


def _ended(
    agreement: Agreement, facts: Circumstances, at: datetime
) -> tuple[Trigger, datetime] | None:
    ended = agreement.ended(at, facts)
    if ended is None:
        return None
    state, since = ended
    is_cut = state is AgreementState.TERMINATED
    return (Trigger.TERMINATED if is_cut else Trigger.EXPIRED), since


def _line_removed(
    file: LedgerFile, agreement: Agreement, at: datetime
) -> list[tuple[Trigger, datetime]]:
    """Since when no version that governed has had the file's line."""
    since = None
    for begin, version in reversed(agreement.governed(at)):
        if any(line.key == file.key for line in version.lines):
            break
        since = begin
    return [] if since is None else [(Trigger.LINE_REMOVED, since)]


def _recipient_changed(
    file: LedgerFile, agreement: Agreement, grounds: Grounds, at: datetime
) -> list[tuple[Trigger, datetime]]:
    """Since when its line, which is still there, has landed in other environments alone."""
    since = None
    for begin, version in reversed(agreement.governed(at)):
        if not _lands_elsewhere(file, agreement, version, grounds, at):
            break
        since = begin
    return [] if since is None else [(Trigger.RECIPIENT_CHANGED, since)]


def _lands_elsewhere(
    file: LedgerFile,
    agreement: Agreement,
    version: AgreementVersion,
    grounds: Grounds,
    at: datetime,
) -> bool:
    """Say whether a version has the file's line, and it lands with no successor of its holder."""
    own = [line for line in agreement.numbered(file.version).lines if line.number == file.line]
    former = {recipient for line in own if (recipient := recipient_of(line)) is not None}
    later = {
        recipient
        for line in version.lines
        if line.key == file.key and (recipient := recipient_of(line)) is not None
    }
    if not former or not later:
        return False
    begun = [one for one in grounds.instruments if one.valid_from <= legal_day(at)]
    return not any(
        kind == other and related([organisation], begun) & {following}
        for organisation, kind in former
        for following, other in later
    )


def recipient_of(line: AgreementLine) -> tuple[str, str] | None:
    """Return whose environment of which kind a line's data land in, as the document names it."""
    named = line.content.get("recipient_environment")
    if not isinstance(named, Mapping):
        return None
    return str(named.get("organisation")), str(named.get("kind"))


def _ordered(
    file: LedgerFile, agreement: Agreement, breaches: Iterable[Breach], at: datetime
) -> list[tuple[Trigger, datetime]]:
    """Since when a finding has wanted it destroyed."""
    return [
        (Trigger.BREACH, ordered)
        for breach in breaches
        if Demand.DESTROY in (breach.actions or ())
        and (ordered := breach.finding_at) is not None
        and file.released_at <= ordered <= at
        and concerns(breach, agreement, file.key)
    ]


def concerns(breach: Breach, agreement: Agreement, key: LineKey) -> bool:
    """Say whether a breach is about a line: by its number on the day of the report."""
    if breach.lines is None:
        return True
    lines = agreement.shown(breach.reported_at).lines
    return any(line.key == key and line.number in breach.lines for line in lines)


def _without_approval(
    file: LedgerFile,
    agreement: Agreement,
    approvals: Mapping[str, Section251Approval],
    at: datetime,
) -> list[tuple[Trigger, datetime]]:
    """Since when the approval that the file's line relies on has not been in force.

    One that goes on later is out of force until then: what it is held by has lapsed.
    """
    reference = approval_of(agreement.shown(at), file.key)
    approval = None if reference is None else approvals.get(reference)
    day = legal_day(at)
    if approval is None or approval.is_in_force_on(day):
        return []
    over = [one.valid_to for one in approval.intervals if one.valid_to < day]
    return [(Trigger.SECTION_251_ENDED, end_of(max(over)))] if over else []


def _without_contract(
    agreement: Agreement, contracts: Mapping[str, Sequence[Contract]], at: datetime
) -> list[tuple[Trigger, datetime]]:
    """Since when a controller whose agreement needs a contract has had none; another takes it back.

    A controller that never had one got nothing, and the Body instructs itself without one.
    """
    version = agreement.governing(at)
    if version is None or not version.needs_contract():
        return []
    ended = []
    for controller in version.controllers():
        counting = contracts.get(controller, ())
        if any(one.is_in_force(at) for one in counting):
            continue
        ends = [
            end
            for one in counting
            if (begin := one.in_force_from()) is not None
            and (end := one.in_force_until()) is not None
            and begin < end <= at
        ]
        ended += [max(ends)] if ends else []
    return [(Trigger.CONTRACT_ENDED, min(ended))] if ended else []


def approval_of(version: AgreementVersion, key: LineKey) -> str | None:
    """Return the section 251 approval that a line relies on."""
    return _approvals(version).get(key)


def approvals_of(agreement: Agreement, at: datetime) -> Collection[str]:
    """Return the section 251 approvals that the lines of the shown version rely on."""
    return {one for one in _approvals(agreement.shown(at)).values() if one is not None}


def _approvals(version: AgreementVersion) -> Mapping[LineKey, str | None]:
    """Return what each line relies on that relies on an approval; None where it names none."""
    found: dict[LineKey, str | None] = {}
    for line in version.lines:
        rests = line.content.get("confidentiality")
        if isinstance(rests, Mapping) and rests.get("route") == "section_251":
            reference = rests.get("section_251")
            found.setdefault(line.key, reference if isinstance(reference, str) else None)
    return found
