"""A group as it is counted: its rows, with the columns of the groups that they belong to.

Each row belongs to one row at most of each of these, so that none is counted twice. Their columns
have the names that they have in the whole, `Referrals.Gender`; the group's own have none before
them (docs/adr/0160).
"""

from catalogue.fields import DerivedField
from catalogue.model import DataSet
from catalogue.relations.words import qualified


def countable(whole: DataSet, group: str) -> DataSet:
    """Return the group as it is counted. Raise KeyError where the data set has none so named."""
    own = whole.by_group[group]
    fields, derived = list(own.fields), list(own.derived)
    for above in whole.relations.above(group):
        view = whole.by_group[above.group]
        fields += [
            field.model_copy(update={"name": qualified(above.group, field.name), "header": None})
            for field in view.fields
        ]
        derived += [_told(made, above.group, view, own) for made in view.derived]
    said = {name: getattr(own, name) for name in DataSet.model_fields}
    return DataSet.model_construct(**(said | {"fields": tuple(fields), "derived": tuple(derived)}))


def _told(made: DerivedField, group: str, view: DataSet, own: DataSet) -> DerivedField:
    """Say of what a column is made: of the same person's as one of the group itself is."""
    return made.model_copy(
        update={
            "name": qualified(group, made.name),
            "source": _same(made.source, group, view, own),
            "at": None if made.at is None else _same(made.at, group, view, own),
        }
    )


def _same(name: str, group: str, view: DataSet, own: DataSet) -> str:
    roles = own.person.model_dump()
    told = {said: roles[role] for role, said in view.person.model_dump().items() if said}
    told[view.periods.field] = own.periods.field
    return told.get(name) or qualified(group, name)
