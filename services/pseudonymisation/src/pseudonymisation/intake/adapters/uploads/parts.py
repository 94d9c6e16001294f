"""Parts of an upload: each an object of its own, under a key of its own."""

from contextlib import ExitStack

from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.objects import Objects
from pseudonymisation.intake.domain.partial_upload import Part


class SealedUploadPart:
    """Some bytes on their way in; of what is not finished nothing stays."""

    def __init__(self, key: str, objects: Objects, keys: KeyStore) -> None:
        self._key = key
        self._objects = objects
        self._keys = keys
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(objects.writer(key, keys.ensure(key)))

    @property
    def size(self) -> int:
        return self._writer.clear_bytes

    def take(self, block: bytes) -> None:
        self._writer.write(block)

    def finish(self) -> Part:
        self._stack.close()
        return Part(self._key, self.size)

    def abandon(self) -> None:
        error = RuntimeError("the part is not to be")
        # Leaving by an error, the object is never closed under its name.
        self._stack.__exit__(type(error), error, None)
        self._keys.destroy(self._key)
        self._objects.delete(self._key)
