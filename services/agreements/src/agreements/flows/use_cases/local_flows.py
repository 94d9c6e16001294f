"""Local flows: registered by one person, decided on by another, served by their digest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from agreements.flows.domain.errors import LocalFlowInvalid, LocalFlowNotFound
from agreements.flows.domain.local_flow import FlowState, LocalFlow
from agreements.flows.use_cases.context import FlowContext
from agreements.flows.use_cases.ports import FlowTransaction
from agreements.records.domain.errors import UnlikeSeal
from agreements.records.use_cases.context import (
    Compared,
    OnceKey,
    compared,
    require_as_sealed,
)
from agreements.records.use_cases.oversight.staff import (
    require_cleared,
    require_dscro_of_caller,
)
from agreements.records.use_cases.ports import Slice
from catalogue import InvalidDataSet
from catalogue.flows import FlowFile, read_flow
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PROBLEMS_MAX = 50
"""How many problems of a file are told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody asks to be registered."""

    content: str
    evidence: str


def register(asked: Registration, *, once: OnceKey | None, ctx: FlowContext) -> LocalFlow:
    """Register a layout. It permits nothing before a second person approves it.

    It is the DSCRO's for which the caller is proved to act.

    Raises:
        DscroNotProved, StaffNotCleared
        LocalFlowInvalid: with each problem and its place; nothing is kept.
        LocalFlowVersionTaken, LocalFlowOfAnother

    """
    require_cleared(ctx)
    dscro = require_dscro_of_caller(ctx)
    file = _read(asked.content)
    described = file.data_set
    with ctx.flows.writing() as tx:
        if (known := _registered_before(tx, once, ctx)) is not None:
            return _one(tx, UUID(known))
        flow = LocalFlow(
            id=new_id(),
            data_set=described.data_set,
            catalogue_version=described.version,
            digest=described.digest,
            category=described.category or "",
            title=described.title,
            dscro=dscro,
            evidence=asked.evidence,
            state=FlowState.REGISTERED,
            registered_by=ctx.principal.subject,
            registered_at=tx.at,
        ).register(tx.local_flows.find(data_set=described.data_set))
        tx.flow_files.keep(flow.digest, file.content, at=tx.at)
        if once is not None:
            tx.once.remember(
                actor=ctx.principal.key_owner,
                key=once.key,
                fingerprint=once.fingerprint,
                resource=str(flow.id),
            )
        return _saved(tx, flow, "local-flow-registered", ctx)


def _read(content: str) -> FlowFile:
    try:
        return read_flow(content)
    except InvalidDataSet as invalid:
        found = invalid.problems[:PROBLEMS_MAX]
        raise LocalFlowInvalid(
            f"The file has {len(invalid.problems)} problems; see `problems`, mend it and register"
            " it again. `dsfc local-flows check` finds the same before anything is sent.",
            field="content",
            problems=[{"pointer": p.pointer, "detail": p.detail, "line": p.line} for p in found],
        ) from None


def _registered_before(tx: FlowTransaction, once: OnceKey | None, ctx: FlowContext) -> str | None:
    if once is None:
        return None
    return tx.once.find(actor=ctx.principal.key_owner, key=once.key, fingerprint=once.fingerprint)


def approve(flow_id: UUID, reason: str, *, ctx: FlowContext) -> LocalFlow:
    """Let a layout be used: somebody other than who registered it.

    Raises:
        StaffNotCleared, LocalFlowNotFound, LocalFlowDecided, SecondPersonNeeded
        UnlikeSeal: what was shown may have been written past the service.

    """
    require_cleared(ctx)
    with ctx.flows.reading() as tx:
        shown = _one(tx, flow_id)
        _content(tx, shown)
    require_as_sealed("The local flow is", shown, ctx=ctx)
    return _decided(
        flow_id,
        lambda flow, tx: flow.approve(by=ctx.principal.subject, reason=reason, at=tx.at),
        "local-flow-approved",
        ctx,
    )


def refuse(flow_id: UUID, reason: str, *, ctx: FlowContext) -> LocalFlow:
    """Give a layout back. Raise LocalFlowNotFound, LocalFlowDecided, SecondPersonNeeded."""
    return _decided(
        flow_id,
        lambda flow, tx: flow.refuse(by=ctx.principal.subject, reason=reason, at=tx.at),
        "local-flow-refused",
        ctx,
    )


def withdraw(flow_id: UUID, reason: str, *, ctx: FlowContext) -> LocalFlow:
    """Take a layout of one's own DSCRO back that no agreement names.

    Raises:
        DscroNotProved, LocalFlowNotFound, LocalFlowOfAnother, LocalFlowInUse, LocalFlowDecided

    """
    dscro, by = require_dscro_of_caller(ctx), ctx.principal.subject
    return _decided(
        flow_id,
        lambda flow, tx: flow.withdraw(by=by, dscro=dscro, reason=reason, at=tx.at),
        "local-flow-withdrawn",
        ctx,
    )


def _decided(
    flow_id: UUID,
    change: Callable[[LocalFlow, FlowTransaction], LocalFlow],
    action: str,
    ctx: FlowContext,
) -> LocalFlow:
    with ctx.flows.writing() as tx:
        return _saved(tx, change(_one(tx, flow_id), tx), action, ctx)


def _saved(tx: FlowTransaction, flow: LocalFlow, action: str, ctx: FlowContext) -> LocalFlow:
    entry = ctx.entry(
        action,
        f"local-flows/{flow.id}",
        at=tx.at,
        data_set=flow.data_set,
        catalogue_version=flow.catalogue_version,
        digest=flow.digest,
        dscro=flow.dscro,
    )
    [stored] = tx.local_flows.save(flow, audit=entry)
    log.info("local_flow_changed", flow_id=str(flow.id), action=action)
    return stored


def _one(tx: FlowTransaction, flow_id: UUID) -> LocalFlow:
    found = tx.local_flows.one(id=flow_id)
    if found is None:
        raise LocalFlowNotFound(f"There is no local flow {flow_id}.")
    return found


def _content(tx: FlowTransaction, flow: LocalFlow) -> bytes:
    content = tx.flow_files.find(flow.digest)
    if content is None:
        raise UnlikeSeal(
            "The file is not the one that was registered. An operator has to find out who wrote"
            " into the table of files first; then it can be registered again.",
            registers=["catalogue_file"],
        )
    return content


def page(
    part: Slice, *, data_set: str | None, state: FlowState | None, ctx: FlowContext
) -> Sequence[Compared[LocalFlow]]:
    equal: dict[str, object] = {} if state is None else {"state": state}
    if data_set is not None:
        equal["data_set"] = data_set
    with ctx.flows.reading() as tx:
        found = tx.local_flows.page(part, **equal)
    return compared(found, by=lambda one: [one], ctx=ctx)


def read(flow_id: UUID, *, ctx: FlowContext) -> tuple[Compared[LocalFlow], bytes]:
    """Return a layout, whatever became of it, with its file.

    Raises:
        LocalFlowNotFound
        UnlikeSeal: the file is not the one that was registered.

    """
    with ctx.flows.reading() as tx:
        flow = _one(tx, flow_id)
        content = _content(tx, flow)
    [shown] = compared([flow], by=lambda one: [one], ctx=ctx)
    return shown, content


def versions(data_set: str, *, ctx: FlowContext) -> Sequence[LocalFlow]:
    """Return the versions of a flow that are approved now; none where nobody knows it.

    Raises:
        UnlikeSeal: one may have been written past the service.

    """
    with ctx.flows.reading() as tx:
        found = [one for one in tx.local_flows.find(data_set=data_set) if one.is_served]
    require_as_sealed(f"The versions of {data_set} are", *found, ctx=ctx)
    return found


def file_of(digest: str, *, ctx: FlowContext) -> bytes:
    """Return the file with this digest, where two people stand for it.

    Raises:
        LocalFlowNotFound: nobody registered it, or it is not approved, or no more.
        UnlikeSeal

    """
    with ctx.flows.reading() as tx:
        served = [one for one in tx.local_flows.find(digest=digest) if one.is_served]
        if not served:
            raise LocalFlowNotFound("No local flow that is approved has this digest.")
        content = _content(tx, served[0])
    require_as_sealed("The local flow is", *served, ctx=ctx)
    return content
