"""What a draft needs of data sets whose file is kept here, and not built in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from agreements.records.domain.terms.data_sets import DataSetFacts
from common.audit.entries import Entry


class EntryFor(Protocol):
    """Makes the audit entry of what a caller does to something else beside."""

    def __call__(self, action: str, resource: str, **detail: str) -> Entry: ...


class DataSetFiles(Protocol):
    """Data sets whose file is kept here, since a DSCRO registered it: local flows."""

    def facts(self, digests: Iterable[str]) -> Mapping[str, DataSetFacts]:
        """Return what is known of those of these files that are approved."""

    def titles(self) -> Mapping[str, str]:
        """Return what people call each of them, by digest."""

    def use(self, digests: Iterable[str], entry: EntryFor, *, at: datetime) -> None:
        """Remember that an agreement names these files, so that none is withdrawn any more."""
