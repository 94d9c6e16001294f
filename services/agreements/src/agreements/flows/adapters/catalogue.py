"""What decisions and drafts read of the files of local flows."""

from functools import lru_cache

import catalogue
from agreements.records.domain.terms.data_sets import DataSetFacts, of
from catalogue.flows import of_canonical


@lru_cache(maxsize=256)
def facts_of(digest: str, content: bytes) -> DataSetFacts:
    """Return what decisions rest on of a file. Raise InvalidDataSet where it is another one."""
    return of(of_canonical(content, digest), catalogue.load().landing_rules)


@lru_cache(maxsize=256)
def title_of(digest: str, content: bytes) -> str:
    """Return what people call it. Raise InvalidDataSet where it is another file."""
    return of_canonical(content, digest).title
