"""Reads questions whose parts come again and again, without reading such a part anew.

A stream asks every second with the same token about the same file, and extract after extract is
asked for under one line of an agreement. What they say was checked when it first came. So the rules
of the wire stand once, in the models: each member is read by its own model, the whole by the
question's, and what is not accepted here, for whatever reason, the full reader looks at.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

import orjson
from pydantic import BaseModel, TypeAdapter

REST_BYTES_MAX = 32_768
"""A longer one is not kept. A subject with its token has about a thousand, a line's fields two."""
RESTS_KEPT_MAX = 1_024

END = b"}"

Read = Callable[[bytes], Any]


class QuickReader:
    """Takes nothing that `TypeAdapter.validate_json` of the kinds refuses or reads otherwise."""

    def __init__(self, kinds: Mapping[str, type[BaseModel]], *, new: str) -> None:
        """Take the kinds by their `action.name`, and the member that is another each time.

        It is the last of a question, as our own services write it; of others none is read here.
        """
        self._kinds = {
            kind: (model, {name: _read(hints[name]) for name in model.model_fields})
            for kind, model in kinds.items()
            for hints in [get_type_hints(model, include_extras=True)]
        }
        self._new = new
        self._named = f'"{new}":'.encode()
        self._rest = lru_cache(maxsize=RESTS_KEPT_MAX)(self._read_rest)

    def __call__(self, body: bytes) -> Any | None:
        """Return the question; None where the full reader has to look."""
        rest, _, value = body.rpartition(self._named)
        if value[-1:] != END:
            return None
        try:
            model, read, known = self._rest(rest)
            # Where a null and the end may stand behind the rest, so may any value and the end.
            return model.model_validate({**known, self._new: read(value[:-1])})
        except (ValueError, TypeError, LookupError, AttributeError):
            return None

    def _read_rest(self, rest: bytes) -> tuple[type[BaseModel], Read, Mapping[str, Any]]:
        """Read all that stands before what is new, and keep it; what is refused is not kept."""
        told = orjson.loads(rest + self._named + b"null" + END)
        *_, last = told
        if last != self._new or told.pop(last) is not None:
            raise ValueError("it is the end of another name")
        if len(rest) > REST_BYTES_MAX or not _is_exact(told):
            raise ValueError("it is not kept")
        model, readers = self._kinds[told["action"]["name"]]
        known = {name: readers[name](orjson.dumps(value)) for name, value in told.items()}
        return model, readers[self._new], known


def _read(hint: Any) -> Read:
    return TypeAdapter(hint).validate_json


def _is_exact(value: object) -> bool:
    """Say whether a value of JSON is written again as it came.

    A fraction may be another text; a whole number beyond 64 bits is read as one.
    """
    waiting = [value]
    for one in waiting:
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, float):
            return False
    return True
