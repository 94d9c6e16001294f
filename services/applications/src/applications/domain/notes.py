"""What an applicant is told beside the findings: it refuses nothing and warns of nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

DATA_QUALITY: Final = "DATA_QUALITY_STATEMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to read before applying, and where."""

    code: str
    pointer: str
    """JSON pointer into the application: `/sections/7/lines/0`."""
    data_set: str
    detail: str
    href: str


def of_data_quality(lines: Iterable[tuple[str, str]], *, statement: str) -> tuple[Note, ...]:
    """Point to the public statement of each data set, once, at the first line that asks for it."""
    first: dict[str, str] = {}
    for pointer, data_set in lines:
        first.setdefault(data_set, pointer)
    return tuple(
        Note(
            code=DATA_QUALITY,
            pointer=pointer,
            data_set=data_set,
            detail=f"Read how complete and valid {data_set} is, by month and provider, before"
            " applying for it.",
            href=f"{statement}?{urlencode({'data_set': data_set})}",
        )
        for data_set, pointer in first.items()
    )
