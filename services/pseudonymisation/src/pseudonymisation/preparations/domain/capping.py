"""What is done to the columns of an extract, because of what else is told of the same people.

The haven sees the columns that are asked for now; agreements sees the whole line, and every line
whose people have the same tokens. The stricter of both is done (docs/adr/0031).
"""

from catalogue import Cap, DataSet, Treatment, caps
from statements.permit import Permit

_ONLY_OF_BIRTH = frozenset({Cap.CAPPED, Cap.CAPPED_TOGETHER, Cap.WITHHELD_OF_OLDEST})


def told(permit: Permit) -> dict[str, Treatment]:
    """Return the columns of the file, with their forms."""
    return {field.name: Treatment(field.treatment) for field in permit.fields}


def filtered(permit: Permit, data_set: DataSet) -> dict[str, Treatment]:
    """Return the columns that rows are filtered by, in the form in which these tell anything."""
    derived = {made.name for made in data_set.derived}
    return {
        one.column: Treatment.DERIVED if one.column in derived else Treatment.AS_IS
        for one in permit.filters
    }


def capping(permit: Permit, data_set: DataSet) -> dict[str, Cap]:
    """Return what is done to which of the permitted columns, and of those filtered by.

    What the permit wants and this version of the haven cannot do to a column alone is done to all
    of it: it is withheld.
    """
    columns = {**filtered(permit, data_set), **told(permit)}
    rule = caps()
    done = rule.on_line(data_set, columns)
    of_birth = {name for name, form in data_set.forms.items() if form.derivation in rule.of_birth}
    for name, wanted in permit.caps.columns.items() if permit.caps else ():
        cap = Cap(wanted)
        if cap in _ONLY_OF_BIRTH and name not in of_birth | done.keys():
            cap = Cap.WITHHELD
        if name in columns and (name not in done or cap.hides(done[name])):
            done[name] = cap
    return done
