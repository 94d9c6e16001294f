"""Opt-outs: lists of objectors, and the national check from its request to its reply."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from dsfc_client._http import Service
from dsfc_client.models import OptOutCheck, OptOutList

WAIT_SECONDS_MAX: Final = 600.0
Id = str | UUID


class ListsAndChecks(Service):
    """What of the haven knows who opted out; it tells nobody."""

    def import_opt_outs(
        self,
        content: Path,
        list_date: str,
        *,
        declared_count: int | None = None,
        key: str | None = None,
    ) -> OptOutList:
        """Send a list of objectors: an NHS number a line, nothing behind it.

        With `declared_count` it is held against the number of people on it; an empty list needs
        0. Where many would be released by it, its state is `waiting` for a second person.
        """
        headers = {"Content-Type": "text/csv"} | ({"Idempotency-Key": key} if key else {})
        sent = self.call(
            "POST",
            "/v1/opt-out-lists",
            params={"list_date": list_date, "kind": "objectors", "declared_count": declared_count},
            content=content.read_bytes(),
            headers=headers,
            timeout=WAIT_SECONDS_MAX,
        )
        return OptOutList.model_validate(sent.json())

    def opt_out_lists(self, *, state: str | None = None) -> Iterator[OptOutList]:
        """Lists of opt-outs; `state="waiting"` for those that a second person has to see."""
        return self.pages("/v1/opt-out-lists", OptOutList, state=state)

    def opt_out_list(self, list_id: Id) -> OptOutList:
        """Return how a list of objectors stands, and what it changes; never who is on it."""
        return OptOutList.model_validate(self.get(f"/v1/opt-out-lists/{list_id}"))

    def confirm_opt_outs(self, list_id: Id, reason: str) -> OptOutList:
        """Let a list into force that somebody else sent. Raises Problem (SECOND_PERSON_NEEDED)."""
        path = f"/v1/opt-out-lists/{list_id}/confirmation"
        return OptOutList.model_validate(self.post(path, {"reason": reason}))

    def open_check(
        self, data_set: str, periods: Sequence[str], purpose: str, *, key: str | None = None
    ) -> OptOutCheck:
        """Open a national check about everybody of the periods with an NHS number."""
        body = {"data_set": data_set, "periods": list(periods), "purpose": purpose}
        return OptOutCheck.model_validate(self.post("/v1/opt-out-checks", body, key=key))

    def check_request(self, check_id: Id, target: Path) -> Path:
        """Get the request file for the national service. It identifies people.

        The message has the check's `reference` as its subject and as its reference.
        """
        target.write_bytes(self.check_request_content(check_id))
        return target

    def check_request_content(self, check_id: Id) -> bytes:
        """Return the request for the national service, to be sent on without touching a disk."""
        path = f"/v1/opt-out-checks/{check_id}/request"
        accept = {"Accept": "text/csv"}
        return self.call("GET", path, headers=accept, timeout=WAIT_SECONDS_MAX).content

    def answer_check(self, check_id: Id, reply: Path | bytes, reference: str) -> OptOutCheck:
        """Send the national service's reply, as it came: those who may be used.

        `reference` is that of the message that it came with, not that of the check at hand.
        """
        sent = self.call(
            "PUT",
            f"/v1/opt-out-checks/{check_id}/reply",
            params={"reference": reference},
            content=reply if isinstance(reply, bytes) else reply.read_bytes(),
            headers={"Content-Type": "text/csv"},
            timeout=WAIT_SECONDS_MAX,
        )
        return OptOutCheck.model_validate(sent.json())

    def confirm_check(self, check_id: Id, reason: str) -> OptOutCheck:
        """Let a reply in that clears many anew, and that somebody else sent.

        Raises Problem (SECOND_PERSON_NEEDED).
        """
        path = f"/v1/opt-out-checks/{check_id}/confirmation"
        return OptOutCheck.model_validate(self.post(path, {"reason": reason}))

    def take_back_check(self, check_id: Id, reason: str) -> OptOutCheck:
        """Take the reply to a check back; what was made with it is void. One person is enough."""
        path = f"/v1/opt-out-checks/{check_id}/withdrawal"
        return OptOutCheck.model_validate(self.post(path, {"reason": reason}))

    def opt_out_check(self, check_id: Id) -> OptOutCheck:
        """How a national check stands, and what is to be done next."""
        return OptOutCheck.model_validate(self.get(f"/v1/opt-out-checks/{check_id}"))

    def opt_out_checks(self, *, state: str | None = None) -> Iterator[OptOutCheck]:
        """National checks; `state="waiting"` for replies that a second person has to see."""
        return self.pages("/v1/opt-out-checks", OptOutCheck, state=state)

    def take_back_opt_outs(self, list_id: Id, reason: str) -> OptOutList:
        """Take a list back; `leaving`, where a second person has to take it back as well."""
        path = f"/v1/opt-out-lists/{list_id}/withdrawal"
        return OptOutList.model_validate(self.post(path, {"reason": reason}))
