"""How a statement is written and read: one model, equal bytes for equal statements.

A member without a default is always written. A member that a later version added has a default,
which is what a statement that lacks it means, and is written only where it differs from that. So
whatever was hashed or signed before keeps its bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from common.ids import canonical

T = TypeVar("T")

CLOSED: Final = ConfigDict(extra="forbid", strict=True)
"""A member that the reader does not know may be a restriction: the statement is refused."""

OPEN: Final = ConfigDict(extra="ignore", strict=True)
"""A member that the reader does not know is passed over: the writer may come to say more."""


class Malformed(ValueError):
    """It does not say what a statement of its kind says. Names members, never their values."""

    def __init__(self, members: Iterable[str]) -> None:
        self.members = tuple(sorted(set(members)))
        super().__init__(f"malformed: {', '.join(self.members)}")


class Form(Generic[T]):
    """One kind of statement. Its model is built once, when the module is imported."""

    def __init__(self, model: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(model)

    def read(self, content: str | bytes) -> T:
        """Read JSON. Raises Malformed."""
        try:
            return self._adapter.validate_json(content)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            raise Malformed(str(e["loc"][0]) if e["loc"] else "statement" for e in found) from None

    def of(self, claims: Mapping[str, Any]) -> T:
        """Read claims that were parsed already. Raises Malformed."""
        try:
            content = canonical(dict(claims))
        except ValueError:
            raise Malformed(["statement"]) from None
        return self.read(content)

    def claims(self, statement: T) -> dict[str, JsonValue]:
        """Write it as JSON values."""
        written = self._adapter.dump_python(
            statement, mode="json", by_alias=True, exclude_defaults=True
        )
        return cast("dict[str, JsonValue]", written)
