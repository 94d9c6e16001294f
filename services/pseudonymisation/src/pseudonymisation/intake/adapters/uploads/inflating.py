"""Opens gzip as it streams in: bounded in memory, in total and in proportion."""

import zlib
from collections.abc import Generator, Iterator
from typing import Final

from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import EXPANSION_MAX, is_bomb

PIECE_BYTES: Final = 1 << 20
GZIP: Final = zlib.MAX_WBITS | 16
MAGIC: Final = b"\x1f\x8b"


class Inflater:
    """Takes chunks of a gzip file of one or several members, and gives what is in them."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=GZIP)
        self._start = b""
        self._began = False
        """Whether the present member has a byte."""
        self._padded = False
        self._taken = 0
        self._given = 0

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        """Give what ends in this chunk, a mebibyte at most at a time.

        Raises:
            ContentTypeMismatch, ContentDamaged, ContentExpands

        """
        if not self._taken:
            self._start += chunk
            if len(self._start) < len(MAGIC):
                return
            chunk, self._start = self._start, b""
            _require_gzip(chunk)
        self._taken += len(chunk)
        while chunk:
            if not self._began:
                chunk = self._between(chunk)
                if not chunk:
                    return
            chunk = yield from self._from_member(chunk)

    def finish(self) -> None:
        """Raise where the file is cut off, or no gzip."""
        if not self._taken:
            if self._start:
                _require_gzip(self._start)
            raise errors.FileEmpty("The file is empty.")
        if self._began:
            raise errors.ContentDamaged(
                "The gzip file is cut off before its end. Compress the file again, and send it"
                " whole."
            )

    def _from_member(self, chunk: bytes) -> Generator[bytes, None, bytes]:
        """Give what the present member has in a chunk; return what is behind the member."""
        while True:
            try:
                piece = self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error:
                raise errors.ContentDamaged(
                    "The gzip file is damaged. Compress the file again, and send it."
                ) from None
            self._began = True
            self._given += len(piece)
            if is_bomb(stored=self._taken, opened=self._given):
                raise errors.ContentExpands(
                    f"The file becomes more than {EXPANSION_MAX} times as long when it is"
                    " decompressed. Send the CSV without compression."
                )
            if piece:
                yield piece
            if self._member.eof:
                behind = self._member.unused_data
                self._member, self._began = zlib.decompressobj(wbits=GZIP), False
                return behind
            chunk = self._member.unconsumed_tail
            if not chunk and len(piece) < PIECE_BYTES:
                return b""

    def _between(self, chunk: bytes) -> bytes:
        """Look at what is between members: another one, or noughts up to the end."""
        if self._taken == len(chunk):
            return chunk  # the first member, whose beginning was looked at
        bare = chunk.lstrip(b"\0")
        self._padded = self._padded or len(bare) < len(chunk)
        if not bare:
            return b""
        if self._padded or not MAGIC.startswith(bare[:2]):
            raise errors.ContentDamaged(
                "There is something behind the end of the gzip file. Compress the file again, and"
                " send it alone."
            )
        return bare


def _require_gzip(start: bytes) -> None:
    if not start.startswith(MAGIC):
        raise errors.ContentTypeMismatch(
            "The file was declared as gzip (`Content-Type: application/gzip`) and is none. Declare"
            " what it is, for example `text/csv`."
        )
