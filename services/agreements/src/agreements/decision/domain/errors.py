"""Why a question is not decided. Why access is refused is in `codes`."""

from common.errors import Forbidden, Unprocessable


class EvidenceRefused(Forbidden):
    """The token that is to prove who asks is not accepted, or is another client's."""

    code = "EVIDENCE_NOT_ACCEPTED"
    title = "The caller's own token is needed as evidence"


class EvidenceMissing(Unprocessable):
    code = "EVIDENCE_MISSING"
    title = "The question lacks evidence that the decision needs"


class DigestDiffers(Unprocessable):
    code = "REQUEST_DIGEST_DIFFERS"
    title = "`request_digest` does not match the request"


class OnlyAboutOneself(Forbidden):
    """Others than dissemination ask about themselves, and only dry (design.md section 5)."""

    code = "ONLY_ABOUT_ONESELF"
    title = "Set `dry_run` to true and ask about your own client"


class Contended(Exception):
    """Another replica got there first: what was read is not the newest, so judge anew."""
