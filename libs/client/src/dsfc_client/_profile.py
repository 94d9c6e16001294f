"""A profile: where a suite is, and as whom to ask it. `dsfc up` and `dsfc keys` write one."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dsfc_client._errors import DsfcError
from dsfc_client._tokens import Credentials

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")

WHO_WRITES = "`dsfc up` and `dsfc keys` write a profile."


class ProfileInvalid(DsfcError):
    """The file is no profile, or does not name the client that is asked for."""


@dataclass(frozen=True, slots=True)
class ProfileClient:
    """A client that a profile knows."""

    roles: tuple[str, ...]
    """What it may ask as; a token carries one."""
    key_file: str
    """Its private key (JWK); a relative path is one from the folder of the profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Addresses of a suite, its issuer, and the clients whose keys are at hand."""

    issuer: str
    """What tokens name as `iss`."""
    token_url: str
    """Where a token is asked for, as this machine reaches it."""
    assertion_audience: str
    """Whom a client's assertion is meant for: the token URL or the issuer, as the issuer wants."""
    services: Mapping[str, str]
    """The base URL of each service."""
    clients: Mapping[str, ProfileClient]
    authority: str | None = None
    """A file (PEM) of whom to trust for https addresses besides those whom the system trusts; a
    relative path is one from the folder of the profile."""

    @classmethod
    def read(cls, path: Path) -> "Profile":
        """Read the file. Raises ProfileInvalid with what is wrong and what to do."""
        try:
            document = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ProfileInvalid(
                f"{path} cannot be read ({error.strerror}); {WHO_WRITES}"
            ) from None
        except ValueError:
            raise ProfileInvalid(
                f"{path} is not JSON; `dsfc up` and `dsfc keys` write one."
            ) from None
        try:
            return cls._of(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProfileInvalid(f"{path} is no profile: {error}; {WHO_WRITES}") from None

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> "Profile":
        missing = [name for name in SERVICES if name not in document["services"]]
        if missing:
            raise ValueError(f"services lacks {', '.join(missing)}")
        return cls(
            issuer=str(document["issuer"]),
            token_url=str(document["token_url"]),
            assertion_audience=str(document["assertion_audience"]),
            services={str(name): str(url) for name, url in document["services"].items()},
            clients={
                str(client): ProfileClient(tuple(map(str, known["roles"])), str(known["key_file"]))
                for client, known in document["clients"].items()
            },
            authority=None if document.get("authority") is None else str(document["authority"]),
        )

    def write(self, path: Path) -> None:
        """Write the file. It names key files and holds none."""
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        staged.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        staged.replace(path)

    def authority_file(self, *, beside: Path) -> Path | None:
        """Return where the authority is, from the folder `beside`. Raises ProfileInvalid."""
        if self.authority is None:
            return None
        path = beside / self.authority
        if not path.is_file():
            raise ProfileInvalid(
                f"The authority {path} is not there; take it out, or put it there."
            )
        return path

    def credentials(
        self, client: str | None = None, role: str | None = None, *, beside: Path
    ) -> Credentials:
        """Return as whom to ask; `client` and `role` may be left out where there is only one.

        Key files are looked for from the folder `beside`. Raises ProfileInvalid.
        """
        chosen = client or _only(sorted(self.clients), "client")
        known = self.clients.get(chosen)
        if known is None:
            raise ProfileInvalid(
                f"The profile knows no client {chosen}; it knows {_list(self.clients)}."
            )
        role = role or _only(known.roles, "role")
        if role not in known.roles:
            raise ProfileInvalid(f"{chosen} is not {role}, but {_list(known.roles)}.")
        try:
            return Credentials.from_file(chosen, role, beside / known.key_file)
        except (OSError, ValueError) as error:
            raise ProfileInvalid(
                f"The key of {chosen} cannot be read from {beside / known.key_file}: {error}"
            ) from None


def _only(names: Sequence[str], what: str) -> str:
    if len(names) != 1:
        raise ProfileInvalid(f"Say which {what}: {_list(names)}.")
    return names[0]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
