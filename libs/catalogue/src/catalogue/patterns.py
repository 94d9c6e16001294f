"""Patterns, as every engine here runs them: by RE2, in time that grows with the text alone.

DuckDB and Arrow, which read files by a pattern, are RE2 as well; so what a pattern means is the
same where a value is judged in Python. None that could explode is taken.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import re2

MEMORY_BYTES: Final = 1 << 20
"""What a pattern may take when it is compiled: a fraction of what the engines give it."""
UNKNOWN_TO_THE_ENGINE = re.compile(r"\\[1-9Z]|\(\?(?:[=!>(#]|<[=!]|P=)|(?<!\\)[*+?}]\+")
"""Of Python's expressions what an automaton has not: looking round, references back."""


def problems(pattern: str) -> Iterator[str]:
    """What is wrong with a pattern.

    Python's own parser reads it as well: what a pattern has room for is counted by that.
    """
    is_known = not UNKNOWN_TO_THE_ENGINE.search(pattern)
    try:
        re.compile(pattern)
        if is_known:
            _compiled(pattern)
    except (re.error, re2.error, OverflowError, RecursionError, UnicodeEncodeError):
        yield "the pattern is not a regular expression, or larger than one may be"
    if not is_known:
        yield "the engine's patterns cannot look round, refer back or be possessive"


def fits(pattern: str, value: str) -> bool:
    """Say whether the whole of a value is written as the pattern says."""
    try:
        return _compiled(pattern).fullmatch(value) is not None
    except UnicodeEncodeError:  # half of a character is no value of a file
        return False


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.max_mem = MEMORY_BYTES
    options.log_errors = False  # nothing of a file is printed
    return re2.compile(pattern, options)
