"""Who got what, when, by which decision: a log that betrays whoever changes it.

A Merkle tree from the first leaf (RFC 6962), appended to in the transaction of what it
tells of; its heads are signed every minute and at every release, and kept outside the
database; `verify` judges it offline (design.md section 10, S4).
"""

from common.audit.checkpoints import (
    AuditLogBroken,
    Checkpoint,
    CheckpointWorker,
    checkpoint,
    ensure_extends,
    last_signed,
)
from common.audit.entries import Entry, Leaf, entry_for
from common.audit.findings import FindingKind, Head, LogFinding, VerificationReport
from common.audit.log import append
from common.audit.reading import LogReader
from common.audit.rows import (
    Kept,
    LoggedRows,
    RecordNotAsLogged,
    begin_answer,
    gone,
    is_as_logged,
    require_as_logged,
    telling,
    told_of,
)
from common.audit.verification import kept_checkpoints, kept_manifest, verify

__all__ = [
    "AuditLogBroken",
    "Checkpoint",
    "CheckpointWorker",
    "Entry",
    "FindingKind",
    "Head",
    "Kept",
    "Leaf",
    "LogFinding",
    "LogReader",
    "LoggedRows",
    "RecordNotAsLogged",
    "VerificationReport",
    "append",
    "begin_answer",
    "checkpoint",
    "ensure_extends",
    "entry_for",
    "gone",
    "is_as_logged",
    "kept_checkpoints",
    "kept_manifest",
    "last_signed",
    "require_as_logged",
    "telling",
    "told_of",
    "verify",
]
