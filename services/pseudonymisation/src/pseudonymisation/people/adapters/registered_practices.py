"""Who is whose patient at this moment, for a file that a practice is given (ruling 29)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from common.audit import RecordNotAsLogged, require_as_logged
from common.clock import Clock, legal_day
from common.errors import KeyUnavailable
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.people.adapters.sealed_people import key_of
from pseudonymisation.people.domain import errors, registration
from pseudonymisation.people.domain.registration import RegistrationList
from pseudonymisation.people.domain.rules import ReidentificationRule
from pseudonymisation.people.use_cases.ports import PeopleUnitOfWork
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.preparation import PinnedRegistrations


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredPractices:
    """`preparations.use_cases.ports.PracticeRegistrations`, by the lists of the unit people."""

    uow: PeopleUnitOfWork
    clock: Clock
    keys: KeyStore
    rule: Callable[[date], ReidentificationRule]

    def lists(self) -> tuple[tuple[PinnedRegistrations, bytes], ...]:
        """Raise NotPrepared."""
        today = legal_day(self.clock.now())
        with self.uow.reading() as tx:
            standing = tx.registrations.standing()
            tx.registrations.hold([one.id for one in standing])
        try:
            for one in standing:
                require_as_logged(f"practice-registrations/{one.id}")
            asked = registration.asked(
                standing, today=today, days_max=self.rule(today).list_days_max
            )
            return tuple((_pinned(one), self.keys.get(key_of(one.id))) for one in asked)
        except (errors.RegistrationsOutOfDate, RecordNotAsLogged, KeyClosed, KeyDestroyed):
            raise NotPrepared(FailureCode.REGISTRATIONS_OUT_OF_DATE) from None
        except KeyUnavailable:
            raise NotPrepared(FailureCode.KEY_UNAVAILABLE) from None


def _pinned(listed: RegistrationList) -> PinnedRegistrations:
    if listed.object_key is None:
        raise KeyDestroyed("the list was destroyed")
    return PinnedRegistrations(
        id=listed.id, list_date=listed.list_date, object_key=listed.object_key
    )
