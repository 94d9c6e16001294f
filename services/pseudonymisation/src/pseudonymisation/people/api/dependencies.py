"""What FastAPI hands to the endpoints of people."""

from typing import Annotated

from common.web.context import permitted
from pseudonymisation.people.api import permissions
from pseudonymisation.people.use_cases.context import PeopleContext

STATE = "people"
ImportCtx = Annotated[PeopleContext, permitted(permissions.IMPORT_REGISTRATIONS, state=STATE)]
DecideCtx = Annotated[PeopleContext, permitted(permissions.DECIDE_REGISTRATIONS, state=STATE)]
ListsCtx = Annotated[PeopleContext, permitted(permissions.READ_REGISTRATIONS, state=STATE)]
AskCtx = Annotated[PeopleContext, permitted(permissions.ASK_TO_REIDENTIFY, state=STATE)]
AnswerCtx = Annotated[PeopleContext, permitted(permissions.REIDENTIFY, state=STATE)]
ReadCtx = Annotated[PeopleContext, permitted(permissions.READ_REIDENTIFICATIONS, state=STATE)]
LookUpCtx = Annotated[PeopleContext, permitted(permissions.LOOK_UP_PEOPLE, state=STATE)]
AskSubjectCtx = Annotated[PeopleContext, permitted(permissions.ASK_FOR_SUBJECT_ACCESS, state=STATE)]
ReadSubjectCtx = Annotated[PeopleContext, permitted(permissions.READ_SUBJECT_ACCESS, state=STATE)]
MatchCtx = Annotated[PeopleContext, permitted(permissions.MATCH_INVOICES, state=STATE)]
ScoresCtx = Annotated[PeopleContext, permitted(permissions.RETURN_SCORES, state=STATE)]
ReadMatchesCtx = Annotated[PeopleContext, permitted(permissions.READ_INVOICE_MATCHES, state=STATE)]
