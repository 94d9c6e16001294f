"""How the haven's keys say no."""

from common.errors import Conflict


class KeyExists(Conflict):
    code = "KEY_EXISTS"
    title = "There is a key of that name"


class KeyClosed(Conflict):
    code = "KEY_CLOSED"
    title = "The key is closed and makes nothing new"


class KeyDestroyed(Conflict):
    code = "KEY_DESTROYED"
    title = "The key was destroyed"
