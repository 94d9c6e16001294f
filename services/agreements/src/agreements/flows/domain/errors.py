"""Refusals about local flows."""

from common.errors import Conflict, NotFound, TransitionRefused, Unprocessable


class LocalFlowNotFound(NotFound):
    code = "LOCAL_FLOW_NOT_FOUND"
    title = "No such local flow, or it is not approved"


class LocalFlowInvalid(Unprocessable):
    code = "LOCAL_FLOW_INVALID"
    title = "The file is not what the file of a local flow must be"


class LocalFlowVersionTaken(Conflict):
    code = "LOCAL_FLOW_VERSION_TAKEN"
    title = "Another file has this name and version"


class LocalFlowOfAnother(Conflict):
    code = "LOCAL_FLOW_OF_ANOTHER_DSCRO"
    title = "The local flow, or its name, is another DSCRO's"


class LocalFlowDecided(TransitionRefused):
    code = "LOCAL_FLOW_DECIDED"
    title = "The local flow has gone on already"


class LocalFlowInUse(Conflict):
    code = "LOCAL_FLOW_IN_USE"
    title = "Agreements name the local flow, so that it stays as it is"
