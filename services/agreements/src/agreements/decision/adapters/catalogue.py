"""The catalogue's files, as far as decisions rest on them; read once."""

from collections.abc import Mapping
from functools import cache

import catalogue
from agreements.records.domain.terms.data_sets import DataSetFacts, of


@cache
def load() -> Mapping[str, DataSetFacts]:
    """Return every published version of every data set, by digest."""
    known = catalogue.load()
    return {data_set.digest: of(data_set, known.landing_rules) for data_set in known}
