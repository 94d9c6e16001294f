"""What can go wrong with what an agreement lets its parties do."""

from common.errors import NotFound


class OnwardShareNotFound(NotFound):
    code = "ONWARD_SHARE_NOT_FOUND"
    title = "The register has no such onward share"
