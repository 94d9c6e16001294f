"""Closing the domains of an agreement that is over. A closed domain stays closed."""

from dataclasses import dataclass

import structlog

from common.audit.entries import entry_for
from common.clock import Clock
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.preparations.domain.tokens import DomainState
from pseudonymisation.preparations.use_cases.ports import HavenKeys, PreparationUnitOfWork

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DomainContext:
    uow: PreparationUnitOfWork
    clock: Clock
    keys: HavenKeys


def close_domains_of(agreement: str, *, ctx: DomainContext) -> int:
    """Close every domain of an agreement; return how many were open.

    The rows first: from their commit on nothing new is begun. Then the keys, so that what was
    begun before mints nothing more; this is done again if it was cut off.

    Raises:
        KeyUnavailable: where the key store is away; the rows are closed all the same

    """
    with ctx.uow.writing() as tx:
        domains = tx.domains.of_agreement(agreement)
        now = ctx.clock.now()
        opened = [domain for domain in domains if domain.state is DomainState.OPEN]
        for domain in opened:
            tx.domains.save(
                domain.close(at=now),
                audit=entry_for(
                    ITSELF,
                    at=now,
                    action="domain-closed",
                    resource=f"domains/{domain.id}",
                    on_behalf_of=",".join(domain.facts.controllers),
                    detail={"agreement": agreement},
                ),
            )
    for domain in domains:
        # A domain for which nothing was ever minted has no key; from now on it never will.
        ctx.keys.ensure_closed(domain.key_name)
    log.info("domains_closed", agreement=agreement, domains=len(opened))
    return len(opened)
