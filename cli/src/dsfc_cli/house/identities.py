"""Development identities: read from `identities.yaml`, each with a key pair of its own."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from common.security import keys
from common.security.roles import Role
from dsfc_client import Credentials, ProfileClient
from dsfc_testing.issuer import Identity


@dataclass(frozen=True, slots=True)
class Identities:
    """Who the development issuer knows, and where their private keys are."""

    directory: Path
    known: tuple[Identity, ...]

    @classmethod
    def create(cls, directory: Path) -> "Identities":
        """Read the list; make the keys that are not there yet (mode 0600)."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        listed = yaml.safe_load((files("dsfc_cli.house") / "identities.yaml").read_text("utf-8"))
        return cls(directory, tuple(_identity(directory, entry) for entry in listed["identities"]))

    def key_file(self, client_id: str) -> Path:
        return _key_file(self.directory, client_id)

    def clients(self, beside: Path) -> dict[str, ProfileClient]:
        """Return whom a profile in the folder `beside` may name, and where their keys are."""
        return {
            identity.client_id: ProfileClient(
                roles=tuple(sorted(role.value for role in identity.roles)),
                key_file=str(self.key_file(identity.client_id).relative_to(beside)),
            )
            for identity in self.known
        }

    def credentials(self, client_id: str, role: str | None = None) -> Credentials:
        """Raises LookupError where the list has no such identity, or it has not the role."""
        for identity in self.known:
            if identity.client_id == client_id:
                roles = sorted(identity.roles)
                if role is not None and role not in roles:
                    raise LookupError(f"{client_id} is not {role}, but {', '.join(roles)}.")
                return Credentials.from_file(
                    client_id, role or roles[0].value, self.key_file(client_id)
                )
        raise LookupError(f"No development identity is named {client_id}.")


def _identity(directory: Path, entry: dict[str, Any]) -> Identity:
    signer = keys.load_or_generate(_key_file(directory, entry["id"]))
    return Identity(
        client_id=entry["id"],
        title=entry["title"],
        ods=entry["ods"],
        roles=frozenset(Role(role) for role in entry["roles"]),
        kind=entry["kind"],
        training_valid_until=entry.get("training"),
        public_jwk=signer.public_jwk,
    )


def _key_file(directory: Path, client_id: str) -> Path:
    return directory / f"{client_id}.jwk"
