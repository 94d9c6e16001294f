"""What can go wrong with templates, and with many agreements at once."""

from common.errors import Conflict, NotFound, Unprocessable


class TemplateNotFound(NotFound):
    code = "TEMPLATE_NOT_FOUND"
    title = "No such template"


class TemplateNotFit(Unprocessable):
    """Member `errors` names the places that speak of one controller alone."""

    code = "TEMPLATE_NOT_FIT"
    title = "No template can be made of that agreement"


class TemplateReplaced(Conflict):
    code = "TEMPLATE_REPLACED"
    title = "A later version of the template has taken its place"


class FactNotRecorded(Unprocessable):
    code = "FACT_NOT_RECORDED"
    title = "What the agreement would state is not on record"


class AgreementKnown(Unprocessable):
    code = "AGREEMENT_KNOWN"
    title = "That agreement is here already"


class NotInForce(Unprocessable):
    code = "NOT_IN_FORCE"
    title = "The agreement is not in force, as it is handed in"


class AgreementBatchNotFound(NotFound):
    code = "AGREEMENT_BATCH_NOT_FOUND"
    title = "No such batch of agreements"


class BatchRefused(Unprocessable):
    """Nothing of what was sent together was done: member `errors` names each that cannot be."""

    code = "BATCH_REFUSED"
    title = "Not all of what was sent together can be done, so none was"
