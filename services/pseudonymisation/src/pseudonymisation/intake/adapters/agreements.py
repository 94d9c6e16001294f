"""What is asked of agreements: maps, directions, and who may send whose records.

Maps are immutable snapshots, known by their digest: one is fetched once and kept; whether it
still governs is asked every time. What it says is no secret, so it lies here in clear. Rights are
asked every time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common import http
from common.errors import AppError, Unavailable
from common.ids import DIGEST, new_id
from common.security.client import ServiceTokens
from pseudonymisation.intake.domain.edition import MapVersion
from pseudonymisation.intake.domain.errors import (
    DirectionsUnavailable,
    MapsUnavailable,
    RightsUnavailable,
)
from pseudonymisation.intake.domain.right import Basis, OrganisationStatus, ProviderStanding
from pseudonymisation.intake.use_cases.ports import MapFile, MapKind

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AUDIENCE: Final = "agreements"


class _Map(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: UUID
    kind: str
    digest: Annotated[str, Field(pattern=DIGEST.pattern)]


class _Maps(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: list[_Map]


class _Standing(BaseModel):
    model_config = ConfigDict(extra="ignore")

    provider: str
    entity: Annotated[str, Field(min_length=1)]
    standing: OrganisationStatus
    basis: Basis | None


class _Standings(BaseModel):
    model_config = ConfigDict(extra="ignore")

    providers: list[_Standing]


@dataclass(frozen=True, slots=True)
class HttpSubmissionRights:
    remote: http.Client
    tokens: ServiceTokens

    def of(self, submitter: str, provider: str | None, day: date) -> Sequence[ProviderStanding]:
        params = {"submitter": submitter, "as_at": day.isoformat()}
        if provider is not None:
            params["provider"] = provider
        try:
            answer = http.call(
                self.remote,
                "GET",
                "/v1/submission-rights",
                token=self.tokens.token(AUDIENCE),
                params=params,
            )
            found = _Standings.model_validate_json(answer.content).providers
        except Unavailable:
            raise
        except AppError as refusal:
            raise RightsUnavailable(f"The agreements service answered {refusal.code}.") from refusal
        except ValidationError:
            raise RightsUnavailable(
                "The agreements service returned rights to submit that could not be parsed."
            ) from None
        if provider is not None and [one.provider for one in found] != [provider]:
            raise RightsUnavailable("The agreements service did not return the provider's status.")
        return [ProviderStanding(s.provider, s.entity, s.standing, s.basis) for s in found]

    def may_collect(self, data_set: str, day: date) -> bool:
        try:
            answer = http.call(
                self.remote,
                "GET",
                f"/v1/directions/data-sets/{data_set}",
                token=self.tokens.token(AUDIENCE),
                params={"as_at": day.isoformat()},
            )
            found = _Collected.model_validate_json(answer.content)
        except Unavailable:
            raise
        except AppError as refusal:
            raise DirectionsUnavailable(
                f"The agreements service answered {refusal.code}."
            ) from refusal
        except ValidationError:
            raise DirectionsUnavailable(
                "The agreements service returned directions that could not be parsed."
            ) from None
        if (found.data_set, found.day) != (data_set, day):
            raise DirectionsUnavailable("The agreements service answered of something else.")
        return found.is_allowed


class _Collected(BaseModel):
    model_config = ConfigDict(extra="ignore")

    data_set: str
    day: date
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class HttpMaps:
    remote: http.Client
    tokens: ServiceTokens
    directory: Path

    def governing(self, kind: MapKind, day: date) -> MapFile | None:
        params = {"kind": kind, "as_at": day.isoformat()}
        answer = self._call("/v1/maps", params=params)
        try:
            found = [m for m in _Maps.model_validate_json(answer.content).items if m.kind == kind]
        except ValidationError:
            raise MapsUnavailable(
                "The agreements service returned maps that could not be parsed."
            ) from None
        if not found:
            return None
        if len(found) > 1:
            raise MapsUnavailable("The agreements service returned more than one map for a day.")
        version = MapVersion(id=found[0].id, digest=found[0].digest)
        return MapFile(version, self._kept(version))

    def _kept(self, version: MapVersion) -> Path:
        path = self.directory / f"{version.id}-{re.sub('[^0-9a-f]', '', version.digest)}.csv"
        if path.exists():
            return path
        unfinished = path.with_name(f"{path.name}.{new_id()}")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if self._download(f"/v1/maps/{version.id}/entries", unfinished) != version.digest:
                raise MapsUnavailable("A map does not match its digest.")
            unfinished.rename(path)
        except OSError:
            raise MapsUnavailable("A map cannot be stored.") from None
        finally:
            unfinished.unlink(missing_ok=True)
        log.info("map_fetched", map_id=str(version.id))
        return path

    def _download(self, path: str, target: Path) -> str:
        """Raise Unavailable whatever agreements says that is not a yes."""
        try:
            token = self.tokens.token(AUDIENCE)
            return http.download(self.remote, path, target, token=token)
        except Unavailable:
            raise
        except AppError as refusal:
            raise MapsUnavailable(f"The agreements service answered {refusal.code}.") from refusal

    def _call(self, path: str, **options: Any) -> http.Response:
        """Raise Unavailable whatever agreements says that is not a yes."""
        try:
            return http.call(self.remote, "GET", path, token=self.tokens.token(AUDIENCE), **options)
        except Unavailable:
            raise
        except AppError as refusal:
            raise MapsUnavailable(f"The agreements service answered {refusal.code}.") from refusal
