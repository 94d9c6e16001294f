"""A suite that somebody else runs, reached from outside by its profile."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from dsfc_client import Dsfc, Profile


class Reachable(Protocol):
    """What a story needs of a suite: whoever started it, and wherever."""

    @property
    def urls(self) -> Mapping[str, str]:
        """The base URL of each service."""

    @property
    def authority(self) -> Path | None:
        """Who signed the certificates of https addresses, where it is nobody whom all trust."""

    def client(self, client_id: str, role: str | None = None) -> Dsfc:
        """Return a client in the name of a development identity."""

    def public(self) -> Dsfc:
        """Return a client of nobody: the public routes."""


@dataclass(slots=True)
class Elsewhere:
    """The suite of a profile. A context manager: left, its connections are given back."""

    profile_file: Path
    profile: Profile = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __post_init__(self) -> None:
        """Read the profile. Raises ProfileInvalid."""
        self.profile = Profile.read(self.profile_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> Mapping[str, str]:
        return self.profile.services

    @property
    def authority(self) -> Path | None:
        return self.profile.authority_file(beside=self.profile_file.parent)

    def client(self, client_id: str, role: str | None = None) -> Dsfc:
        """Return a client of the profile; its first role where none is said."""
        known = self.profile.clients.get(client_id)
        role = role or (known.roles[0] if known is not None else None)
        return self._stack.enter_context(Dsfc.from_profile(self.profile_file, client_id, role))

    def public(self) -> Dsfc:
        client = Dsfc(urls=self.profile.services, authority=self.authority)
        return self._stack.enter_context(client)
