"""What was landed, as the files that the engine opens, each with the key that opens it."""

from dataclasses import dataclass
from uuid import UUID

from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.objects import AtHand
from pseudonymisation.intake.adapters import lists
from pseudonymisation.intake.adapters.landing.judged.statement import Base
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck


@dataclass(frozen=True, slots=True)
class LandedFiles:
    """What was landed, as files that the engine can open, with the keys that open them."""

    at_hand: AtHand
    keys: KeyStore

    def edition(self, edition_id: UUID, object_key: str) -> lists.SealedFile:
        return lists.SealedFile(
            self.at_hand.path(object_key),
            lists.named("e", edition_id),
            lambda: self.keys.get(f"edition/{edition_id}"),
        )

    def list(self, list_id: UUID, object_key: str) -> lists.SealedFile:
        return lists.SealedFile(
            self.at_hand.path(object_key),
            lists.named("o", list_id),
            lambda: self.keys.get(key_of_list(list_id)),
        )

    def answered(self, check: OptOutCheck) -> lists.AnsweredFiles:
        """Raise KeyDestroyed without a reply."""
        if check.reply is None:
            raise KeyDestroyed("the check has no reply")
        return lists.AnsweredFiles(
            asked=self.list(check.id, check.object_key),
            cleared=self.list(check.reply.id, check.reply.object_key),
        )


def base_of(edition: Edition, files: LandedFiles) -> Base:
    """Say what a net change is merged with.

    Raises:
        NetChangeBaseUnsuitable: where it cannot be read any more

    """
    file = files.edition(edition.id, edition.object_key)
    try:
        key = file.key()
    except (KeyDestroyed, KeyClosed):
        why = errors.SUBMIT_WHOLE.format(why="cannot be read any more")
        raise errors.NetChangeBaseUnsuitable(why) from None
    deleted = edition.deleted_key
    return Base(
        path=file.path,
        key_name=f"b{edition.id.hex}",
        key=key,
        columns=edition.columns,
        deleted=None if deleted is None else files.at_hand.path(deleted),
    )


def key_of_list(list_id: UUID) -> str:
    """Name a list's key in the key store."""
    return f"opt_out/{list_id}"
