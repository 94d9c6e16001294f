"""In whose name a processor acts, as the permit says by which it acts."""

from collections.abc import Callable, Mapping
from typing import Any


def on_behalf_of(
    organisation: str, claims: Mapping[str, Any], *, own: Callable[[str], str]
) -> str | None:
    """Return the controllers of the pseudonym domain; None where it is one of them itself.

    `own` gives of a code the form in which codes are compared.
    """
    domain = claims.get("domain")
    controllers = domain.get("controllers") if isinstance(domain, Mapping) else None
    if not isinstance(controllers, list):
        return None
    named = list(dict.fromkeys(own(str(code)) for code in controllers))
    return None if own(organisation) in named else ",".join(named) or None
