"""Our signature under manifests, and the checkpoints of our audit log."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from common import audit
from common.clock import Clock
from common.security.keys import MANIFEST, Signer, issue
from dissemination.domain.release import LOG
from statements.manifest import Manifest


class SigningKey:
    def __init__(self, signer: Signer, engine: Engine, directory: Path, clock: Clock) -> None:
        self._signer = signer
        self._engine = engine
        self._directory = directory
        self._clock = clock

    def sign(self, manifest: Manifest, *, at: datetime) -> str:
        return issue(self._signer, MANIFEST, manifest.claims(), at=at)

    def checkpoint(self) -> None:
        audit.checkpoint(
            self._engine,
            signer=self._signer,
            directory=self._directory,
            log=LOG,
            clock=self._clock,
        )
