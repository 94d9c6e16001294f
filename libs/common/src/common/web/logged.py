"""How an answer says whether what it shows is as the audit log tells (docs/adr/0073)."""

from typing import Annotated

from pydantic import Field

IsAsLogged = Annotated[
    bool | None,
    Field(
        description="Whether it is as the audit log tells; `false`: somebody wrote into the"
        " database past the service. Null: it was just written, or before the log told of it, or it"
        " is made of too many records to compare them all for one answer."
    ),
]
