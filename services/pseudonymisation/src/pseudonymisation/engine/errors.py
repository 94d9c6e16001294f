"""How the engine, its objects and its keys fail. None quotes a value."""

from common.errors import Conflict


class EngineFailed(Exception):
    """The engine gave up. Its own words may quote a value, so they are not repeated here."""


class Unlocked(Exception):
    """A session could do what its lock forbids. It was closed and not used."""


class ObjectDamaged(Exception):
    """An object is not what was written under this key: altered, cut, or another one."""


class NotMoved(Exception):
    """An object read back is not what was written; nothing was deleted."""


class Altered(Exception):
    """A sealed value is not what was sealed under this key."""


class KeyExists(Conflict):
    code = "KEY_EXISTS"
    title = "A key of that name already exists"


class KeyClosed(Conflict):
    code = "KEY_CLOSED"
    title = "The key is closed"


class KeyDestroyed(Conflict):
    code = "KEY_DESTROYED"
    title = "The key was destroyed"
