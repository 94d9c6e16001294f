"""The data sets as data: one immutable YAML file a data set and version."""

from catalogue.model import (
    CatalogueField,
    Check,
    ColumnType,
    DataSet,
    Derivation,
    DerivedField,
    FieldClass,
    Identifier,
    Reason,
    Releasable,
    Treatment,
)
from catalogue.store import (
    Catalogue,
    InvalidDataSet,
    Problem,
    UnknownDataSet,
    check,
    load,
    read,
)

__all__ = [
    "Catalogue",
    "CatalogueField",
    "Check",
    "ColumnType",
    "DataSet",
    "Derivation",
    "DerivedField",
    "FieldClass",
    "Identifier",
    "InvalidDataSet",
    "Problem",
    "Reason",
    "Releasable",
    "Treatment",
    "UnknownDataSet",
    "check",
    "load",
    "read",
]
