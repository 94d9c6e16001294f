"""Permissions that still hold, so that the same question is not judged again."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from agreements.decision.domain.decide import Permission


@dataclass(slots=True)
class PermissionCache:
    """Permissions of one epoch. Each holds until a fact turns, or the epoch does."""

    size_max: int = 10_000
    _epoch: int = -1
    _found: dict[Hashable, tuple[datetime, Permission]] = field(default_factory=dict)

    def find(self, asked: Hashable, *, epoch: int, at: datetime) -> Permission | None:
        """Return the permission that this question got, where that cannot have changed."""
        if epoch != self._epoch:
            self._found.clear()
            self._epoch = epoch
        since, permission = self._found.get(asked, (None, None))
        if since is None or permission is None or not since <= at < permission.turns_at:
            return None
        return permission

    def keep(self, asked: Hashable, permission: Permission, *, at: datetime) -> None:
        """Remember it, under the epoch that was last asked for."""
        if len(self._found) >= self.size_max:
            self._found.clear()
        self._found[asked] = (at, permission)
