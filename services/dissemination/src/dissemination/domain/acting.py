"""In whose name a processor acts, as the signed statement says by which it acts."""

from collections.abc import Mapping
from typing import Any


def on_behalf_of(organisation: str, claims: Mapping[str, Any]) -> str | None:
    """Return the controllers of the pseudonym domain; None where it is one of them itself."""
    domain = claims.get("domain")
    controllers = domain.get("controllers") if isinstance(domain, Mapping) else None
    if not isinstance(controllers, list) or organisation in controllers:
        return None
    return ",".join(map(str, controllers)) or None
