"""What can go wrong between services."""

from common.errors import Unavailable


class EventLogUnavailable(Unavailable):
    code = "EVENT_LOG_UNAVAILABLE"
    title = "The event log is temporarily unavailable"
