"""The end of the domains of an agreement: closed when it is over, their keys destroyed later.

A closed domain stays closed, and a destroyed key never comes back.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import JsonValue

from common.audit.entries import Entry, entry_for
from common.clock import Clock
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.preparations.domain.errors import AcceptedMeanwhile
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from pseudonymisation.preparations.use_cases.ports import HavenKeys, PreparationUnitOfWork

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DomainContext:
    uow: PreparationUnitOfWork
    clock: Clock
    keys: HavenKeys


def close_domains_of(agreement: str, *, settled: bool = False, ctx: DomainContext) -> int:
    """Close every domain of an agreement; return how many were changed.

    `settled`: all that was released under it is destroyed, so that their keys go after a time.

    The rows first: from their commit on nothing new is begun. Then the keys, so that what was
    begun before mints nothing more; this is done again if it was cut off.

    Raises:
        KeyUnavailable: where the key store is away; the rows are closed all the same

    """
    with ctx.uow.writing() as tx:
        domains = tx.domains.of_agreement(agreement)
        now = ctx.clock.now()
        changed = [
            following
            for domain in domains
            if (following := domain.settle(at=now) if settled else domain.close(at=now))
            is not domain
        ]
        action = "domain-settled" if settled else "domain-closed"
        for domain in changed:
            tx.domains.save(domain, audit=_entry(domain, action, now))
    for domain in domains:
        # A domain for which nothing was ever minted has no key; from now on it never will.
        ctx.keys.ensure_closed(domain.key_name)
    log.info("domains_closed", agreement=agreement, domains=len(changed), settled=settled)
    return len(changed)


def destroy_keys(*, kept: timedelta, ctx: DomainContext) -> int:
    """Destroy the keys of domains that were settled so long ago; return how many there were.

    The key first: a row that says that it is gone is true. What was cut off is done again.

    Raises:
        KeyUnavailable: where the key store is away

    """
    with ctx.uow.reading() as tx:
        now = ctx.clock.now()
        due: Sequence[PseudonymDomain] = [
            domain for domain in tx.domains.settled() if domain.is_kept_long_enough(now, kept=kept)
        ]
    for domain in due:
        ctx.keys.destroy(domain.key_name)
        with suppress(AcceptedMeanwhile), ctx.uow.writing() as tx:  # another worker was quicker
            now = ctx.clock.now()
            gone = domain.destroy(at=now)
            tx.domains.save(gone, audit=_entry(gone, "domain-key-destroyed", now))
        log.info("domain_key_destroyed", domain_id=domain.id, agreement=domain.facts.agreement)
    return len(due)


def go_on(
    agreement: str, *, began_in: str, environment: str, times: int, ctx: DomainContext
) -> int:
    """Let the domains that began in an environment go on in another; return how many do.

    From here on nothing is made for the environment that had them. One that went on since, or that
    the first permit of the other environment has moved already, stays as it is.
    """
    with ctx.uow.writing() as tx:
        now = ctx.clock.now()
        gone_on = [
            domain.go_on(environment, times)
            for domain in tx.domains.of_agreement(agreement)
            if domain.facts.environment == began_in and domain.times < times
        ]
        for domain in gone_on:
            audit = _entry(domain, "domain-transferred", now, environment=environment, times=times)
            tx.domains.save(domain, audit=audit)
    log.info("domains_transferred", agreement=agreement, domains=len(gone_on), times=times)
    return len(gone_on)


def _entry(domain: PseudonymDomain, action: str, at: datetime, **detail: JsonValue) -> Entry:
    return entry_for(
        ITSELF,
        at=at,
        action=action,
        resource=f"domains/{domain.id}",
        on_behalf_of=",".join(domain.facts.controllers),
        detail={"agreement": domain.facts.agreement, **detail},
    )
