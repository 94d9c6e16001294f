"""Reads a zip that is made while it is sent: its headers, and the released file between them."""

from dissemination.api.stream.leased_response import Source
from dissemination.domain.zips.archive import Archive


class ArchiveSource:
    """A `Source` of the zip's bytes, over that of the released file."""

    def __init__(self, archive: Archive, file: Source) -> None:
        self._archive = archive
        self._file = file
        self.block_bytes = file.block_bytes

    async def read(self, offset: int, length: int) -> memoryview:
        found: list[memoryview | bytes] = []
        for segment in self._archive.segments:
            first, end = max(offset, segment.start), min(offset + length, segment.end)
            if first >= end:
                continue
            if segment.content is None:
                found.append(await self._file.read(first - segment.start, end - first))
            else:
                found.append(segment.content[first - segment.start : end - segment.start])
        return memoryview(found[0] if len(found) == 1 else b"".join(found))

    def close(self) -> None:
        self._file.close()
