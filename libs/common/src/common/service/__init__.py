"""What the four services have in common when they start, run and end.

A service's `main` says what is its own: its parts, its routers, its consumers and jobs. How they
are made, served, closed and called from the command line is here, once.
"""

from common.service.app import create_app
from common.service.parts import Parts, WakeSignals
from common.service.workers import beside, workers

__all__ = ["Parts", "WakeSignals", "beside", "create_app", "workers"]
