"""Permissions that still hold, so that the same question is not judged, or written, again."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from uuid import UUID

import orjson
from pydantic import JsonValue

from agreements.decision.domain.decide import Permission
from catalogue import Treatment
from common.ids import canonical
from statements.permit import OptOut, Permit

Written = Mapping[str, JsonValue | UUID | orjson.Fragment]


class PermissionTexts:
    """What is written of one permission each time that it is given, written once.

    The texts are those of `canonical`, whose keys are names of ours.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission
        self._of_permits: Written | None = None
        self._granted: Written | None = None

    @cached_property
    def _allowed(self) -> Written:
        return written(
            {
                "grounds": list(self.permission.grounds),
                "on_behalf_of": list(self.permission.on_behalf_of),
                "environment": str(self.permission.environment_id),
            }
        )

    @cached_property
    def permit(self) -> partial[Permit]:
        """Return a permit of it but for what each says of its own."""
        allowed, line = self.permission, self.permission.line
        has_identity = any(one.treatment == Treatment.IDENTIFIED for one in allowed.fields)
        return partial(
            Permit,
            agreement=allowed.agreement,
            line=allowed.permitted_line,
            fields=allowed.fields,
            population=allowed.population,
            domain=allowed.domain,
            goes_on=allowed.goes_on,
            opt_out=opt_outs_of(allowed),
            disclosure_rule=line.disclosure_rule or "",
            caps=allowed.caps,
            filters=allowed.filters,
            table=allowed.table,
            route=line.route if has_identity else None,
            min_group_size=line.min_group_size,
            registered_with=allowed.registered_with,
            bridge=allowed.bridge,
            held_beside=allowed.held_beside,
        )

    @cached_property
    def outcome(self) -> str:
        """What the log says of it where it gives nothing more."""
        return joined(self._allowed)

    def outcome_with(self, grants: Written) -> str:
        """Return what the log says of it and of what it gave."""
        return joined({**self._allowed, **grants}) if grants else self.outcome

    def granted(self, said: Permit) -> Written:
        """Return what the log says of a permit."""
        if self._granted is None:
            grants: dict[str, JsonValue] = {
                "codes": list(said.population.codes),
                "domain": said.domain.id,
                "fields": {f.name: f.treatment for f in said.fields},
                "maps": list(said.population.map_versions.all),
            }
            if said.caps:
                grants["caps"] = dict(said.caps.columns)
            if said.bridge:
                grants["bridge"] = said.claims()["bridge"]
            if said.table:
                grants["table"] = said.claims()["table"]
            self._granted = written(grants)
        return {**self._granted, "permit": said.id}

    def claims(self, said: Permit) -> str:
        """Return what a permit says, but for its id."""
        own = said.claims_of_its_own()
        if self._of_permits is None:
            every = said.claims()
            named = {*own, "jti"}
            self._of_permits = written({n: v for n, v in every.items() if n not in named})
        return joined({**self._of_permits, **own})


def opt_outs_of(allowed: Permission) -> OptOut:
    """Say whether the haven is to leave out who objected, and why."""
    return OptOut(
        applied=allowed.line.opt_outs_applied,
        list_age_days_max=allowed.list_days_max,
        by=allowed.opt_out_by,
        ground=allowed.opt_out_ground,
    )


def written(members: Mapping[str, JsonValue]) -> Written:
    """Write the value of each member, so that it can be put into several objects."""
    return {name: orjson.Fragment(canonical(value)) for name, value in members.items()}


def joined(members: Written) -> str:
    """Write an object of members, some of which are written already."""
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


@dataclass(slots=True)
class PermissionCache:
    """Permissions of one epoch. Each holds until a fact turns, or the epoch does."""

    size_max: int = 10_000
    _epoch: int = -1
    _found: dict[Hashable, tuple[datetime, Permission]] = field(default_factory=dict)
    _texts: dict[int, PermissionTexts] = field(default_factory=dict)
    """By the identity of the permission, which each of them holds on to."""

    def find(self, asked: Hashable, *, epoch: int, at: datetime) -> Permission | None:
        """Return the permission that this question got, where that cannot have changed."""
        if epoch != self._epoch:
            self._forget()
            self._epoch = epoch
        since, permission = self._found.get(asked, (None, None))
        if since is None or permission is None or not since <= at < permission.turns_at:
            return None
        return permission

    def keep(self, asked: Hashable, permission: Permission, *, at: datetime) -> None:
        """Remember it, under the epoch that was last asked for."""
        if len(self._found) >= self.size_max:
            self._forget()
        self._found[asked] = (at, permission)

    def texts(self, permission: Permission) -> PermissionTexts:
        """Return what is written of it."""
        found = self._texts.get(id(permission))
        if found is None or found.permission is not permission:
            if len(self._texts) >= self.size_max:
                self._texts.clear()
            found = self._texts[id(permission)] = PermissionTexts(permission)
        return found

    def _forget(self) -> None:
        self._found.clear()
        self._texts.clear()
