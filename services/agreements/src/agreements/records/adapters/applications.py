"""The applications service, as we need it: frozen snapshots by hash."""

from agreements.records.domain.drafting import ApprovedApplication
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.terms.snapshots import approved, safe
from common import http
from common.http import RemoteProblem
from common.ids import DIGEST
from common.security.client import ServiceTokens

AUDIENCE = "applications"


class HttpSnapshots:
    """Snapshots over REST, with this service's own token."""

    def __init__(self, remote: http.Client, tokens: ServiceTokens) -> None:
        self._remote = remote
        self._tokens = tokens

    def fetch(self, snapshot_hash: str) -> ApprovedApplication:
        """Fetch a snapshot and verify it.

        Raises:
            SnapshotRefused: it is not there, not what its hash says, or not of our schema.
            Unavailable: applications does not answer; the consumer waits.

        """
        if not DIGEST.fullmatch(snapshot_hash):
            raise SnapshotRefused("The event names no hash.")
        try:
            response = http.call(
                self._remote,
                "GET",
                f"/v1/snapshots/{snapshot_hash}",
                token=self._tokens.token(AUDIENCE),
            )
        except RemoteProblem as problem:
            raise SnapshotRefused(
                f"Applications answered {problem.status} {safe(problem.code)}."
            ) from problem
        return approved(response.content, snapshot_hash)
