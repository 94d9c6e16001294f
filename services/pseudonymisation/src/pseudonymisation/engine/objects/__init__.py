"""The landing store: sealed objects in a directory or in a bucket, by one contract (`store`)."""

from pseudonymisation.engine.objects.sealed import CHUNK_BYTES, SealedReader, SealedWriter, reached
from pseudonymisation.engine.objects.store import AtHand, DirectoryObjects, Objects, landing_store

__all__ = [
    "CHUNK_BYTES",
    "AtHand",
    "DirectoryObjects",
    "Objects",
    "SealedReader",
    "SealedWriter",
    "landing_store",
    "reached",
]
