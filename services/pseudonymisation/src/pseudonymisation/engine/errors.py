"""How the engine, its objects and its keys fail. None quotes a value."""

from common.errors import Conflict, KeyUnavailable


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


class KeyLost(KeyUnavailable):
    """It was made once and is not in the key store: that is gone, or an older one."""


class KeyBackupGone(Conflict):
    code = "KEY_BACKUP_DESTROYED"
    title = "The key of these backups was destroyed"


class KeyPartsWrong(Conflict):
    code = "KEY_PARTS_WRONG"
    title = "These are not both parts of the backup's key"


class KeyOrderRefused(Conflict):
    """What two custodians are to have signed is not what two custodians signed."""

    code = "KEY_ORDER_REFUSED"
    title = "The order is not one of two custodians"


class KeyInUse(Conflict):
    code = "KEY_IN_USE"
    title = "The key is still needed"
