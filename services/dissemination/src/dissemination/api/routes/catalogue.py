"""The catalogue: which data sets there are, and in which form their columns may leave."""

from fastapi import APIRouter

from catalogue import DataSet
from dissemination.api.dependencies import PUBLIC_CATALOGUE, CatalogueOf
from dissemination.api.schemas.extracts import CatalogueColumn, CatalogueEntry, CatalogueList

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])


@router.get("", dependencies=[PUBLIC_CATALOGUE])
def read_catalogue(catalogue: CatalogueOf) -> CatalogueList:
    """Read every version of every data set, with what an agreement's line can name of it."""
    return CatalogueList(items=[_entry(data_set) for data_set in catalogue])


def _entry(data_set: DataSet) -> CatalogueEntry:
    return CatalogueEntry(
        data_set=data_set.data_set,
        version=data_set.version,
        digest=data_set.digest,
        title=data_set.title,
        description=data_set.description,
        grain=data_set.grain,
        sensitivity=data_set.sensitivity,
        refresh=data_set.refresh,
        publication_gate=data_set.publication_gate,
        disclosure_rule=data_set.disclosure_rule,
        valid_from=data_set.valid_from,
        valid_to=data_set.valid_to,
        columns=[
            CatalogueColumn(
                name=column.name,
                class_=str(column.class_),
                type=str(column.type),
                treatments=[str(treatment) for treatment in column.treatments],
            )
            for column in data_set.releasables.values()
            if column.treatments  # a column without one never leaves
        ],
    )
