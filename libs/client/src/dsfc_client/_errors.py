"""What can go wrong for a caller.

* DsfcError
  + Problem            the service answered, and said no (RFC 9457)
    - Refused          by the decision: `refusals` names every failing clause
      . NotFound       it is not there, or you may not know that it is
  + Failed             what was waited for came to nothing: `code` and `detail` say why
  + ConnectionLost     no answer, or a stream that did not end as it should
  + DigestMismatch     what arrived is not what the manifest vouches for
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx


class DsfcError(Exception):
    """Base of all that this client raises."""


class ConnectionLost(DsfcError):
    """The service could not be reached, or its answer broke off."""


class DigestMismatch(DsfcError):
    """The bytes are not those of the manifest. Do not use them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One failing clause."""

    code: str
    detail: str
    subject: str | None = None

    def __str__(self) -> str:
        of = f" ({self.subject})" if self.subject else ""
        return f"{self.code}{of}: {self.detail}" if self.detail else f"{self.code}{of}"


SAID_MAX = 20
"""Of what is wrong, in the text of an error; `members` has all."""


class Problem(DsfcError):
    """A problem+json answer. `code` names the kind of problem; `members` holds all of it.

    A token endpoint answers as OAuth wants it, with `error` and `error_description`.
    """

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        self.status = status
        self.members = members
        code = members.get("code") or members.get("error") or members.get("type")
        self.code = str(code or status)
        self.title = str(members.get("title") or "")
        self.detail = str(members.get("detail") or members.get("error_description") or "")
        super().__init__(f"{status} {self._text()}")

    def _text(self) -> str:
        """Say in a line what is wrong."""
        errors = self.members.get("errors", ())
        what = "; ".join(_in_words(error) for error in errors[:SAID_MAX])
        total = max(len(errors), int(self.members.get("errors_total") or 0))
        if what and total > SAID_MAX:
            what = f"{what}; and {total - SAID_MAX} more, of {total}"
        return f"{self.code}: {what or self.detail or self.title}"

    @classmethod
    def of(cls, response: httpx.Response) -> "Problem":
        """Return the problem that `response` carries; its body has been read."""
        try:
            members = response.json()
        except ValueError:
            members = {}
        if not isinstance(members, dict):
            members = {}
        if response.status_code == httpx.codes.NOT_FOUND:
            return NotFound(response.status_code, members)
        if "refusals" in members:
            return Refused(response.status_code, members)
        return cls(response.status_code, members)


class Refused(Problem):
    """The agreement does not open the gate; each failing clause is named."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """All of them, not the first."""
        return _refusals(self.members["refusals"])

    def _text(self) -> str:
        refusals = self.refusals
        said = " ".join(map(str, refusals[:SAID_MAX]))
        left = len(refusals) - SAID_MAX
        return f"{said} And {left} more, of {len(refusals)}." if left > 0 else said

    @property
    def codes(self) -> Sequence[str]:
        """The codes alone, in the order of the answer."""
        return [r.code for r in self.refusals]

    def has(self, code: str) -> bool:
        """Check whether `code` is among the refusals."""
        return code in self.codes

    def only(self, code: str) -> bool:
        """Check whether `code` is the one refusal."""
        return list(self.codes) == [code]


class NotFound(Refused):
    """It does not exist, or this caller may not know that it does: for the caller a refusal."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """The one reason."""
        return [Refusal(self.code, self.detail)]


class Failed(DsfcError):
    """A submission was rejected, or an extract failed or was withdrawn.

    `code` and `detail` say why, `refusals` name the failing clauses where the decision said no,
    and `result` is what was waited for, as it ended.
    """

    def __init__(
        self,
        result: Any,
        *,
        code: str,
        detail: str,
        refusals: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.result = result
        self.code = code
        self.refusals = _refusals(refusals)
        self.detail = detail or "; ".join(r.detail or r.code for r in self.refusals)
        super().__init__(f"{code}: {self.detail}" if self.detail else code)


def _refusals(found: Sequence[Mapping[str, Any]]) -> Sequence[Refusal]:
    return [Refusal(str(r["code"]), str(r.get("detail", "")), r.get("subject")) for r in found]


def _in_words(error: Mapping[str, Any]) -> str:
    """Say where it is, in a body, a file or among many documents, and what is wrong there."""
    line, column = error.get("line"), error.get("column")
    where = [
        str(error.get("pointer") or ""),
        "" if line is None else f"line {line}{',' if column else ':'}",
        f"{column}:" if column else "",
        str(error.get("reference") or ""),
        str(error.get("code") or ""),
        str(error.get("detail") or ""),
    ]
    return " ".join(word for word in where if word)
