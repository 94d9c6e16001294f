"""Names that are written beside a code, compared with the loaded lists (docs/adr/0028)."""

from collections.abc import Sequence
from datetime import date

from agreements.records.domain.errors import NameDiffers
from agreements.records.domain.parties.organisation import Organisation, on
from common.field.names import Match, compare


def as_listed(
    written: str, day: date, rows: Sequence[Organisation], *, field: str, former: bool = False
) -> str:
    """Return the name on record of which `written` is a spelling.

    A registration may stand under a former name until it is renewed; a contract may not.

    Raises:
        NameDiffers: it is another organisation's name, or nobody's.

    """
    current = on(day, rows)
    listed = [current] if current is not None else []
    listed += [row for row in rows if former and row is not current]
    for row in listed:
        if compare(written, row.name, day) is not Match.ANOTHER:
            return row.name
    code = rows[0].ods if rows else "The code"
    detail = (
        f"{code} is listed under another name than `{field}` says. Write the name as it is in the"
        " loaded lists, or name the organisation whose name it is."
    )
    raise NameDiffers(detail, field=field, listed=current.name if current else "")
