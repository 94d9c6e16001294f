"""Ends what was asked when its time is over, and destroys lists that are: `common.jobs.Jobs`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog

from common.jobs import Claim
from pseudonymisation.people.use_cases import registrations, reidentifications, subject_access
from pseudonymisation.people.use_cases.context import PeopleContext

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ORPHANS_AFTER: Final = timedelta(days=1)
"""An object that no row names is taken away when nothing was written to it for so long."""


@dataclass(frozen=True, slots=True)
class PeopleJobs:
    ctx: PeopleContext

    def claim(self) -> Claim[int] | None:
        """End what is over. Two workers at once end it once: the version of the row says so."""
        ended = reidentifications.end_past(ctx=self.ctx) + subject_access.end_past(ctx=self.ctx)
        return Claim(ended, uuid4()) if ended else None

    def run(self, claim: Claim[int]) -> None:
        log.info("asked_about_people_over", ended=claim.job)

    def sweep(self) -> None:
        destroyed = registrations.destroy_over(ctx=self.ctx)
        older_than = self.ctx.clock.now() - ORPHANS_AFTER
        orphans = self.ctx.haven.sweep(
            lambda: registrations.object_keys(ctx=self.ctx), older_than=older_than.timestamp()
        )
        if destroyed or orphans:
            log.info("registrations_swept", destroyed=destroyed, orphans=orphans)
