"""What opens the cells that an extract is made of."""

from collections.abc import Callable

from catalogue import DataSet, Identifier, Treatment
from common.errors import KeyUnavailable
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from statements.permit import Permit


def opens_staff_codes(permit: Permit, data_set: DataSet) -> bool:
    """Return whether the line has codes of staff as they are, and the data set allows it."""
    return any(
        field.treatment == Treatment.AS_IS.value
        and Treatment.AS_IS in released.treatments
        and released.identifier is Identifier.STAFF
        for field in permit.fields
        if (released := data_set.releasables.get(field.name)) is not None
    )


def available_key(get: Callable[[], bytes]) -> bytes:
    """Raise NotPrepared where key store or key-encryption key is away."""
    try:
        return get()
    except KeyUnavailable:
        raise NotPrepared(FailureCode.KEY_UNAVAILABLE) from None
