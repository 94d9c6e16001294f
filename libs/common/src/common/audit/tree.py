"""The Merkle tree of RFC 6962, of which only the roots of complete subtrees are kept.

Leaves and nodes are hashed with different first bytes, so that neither passes for the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

HASH_BYTES = 32
PREFIX = "sha256:"


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return sha256(b"\x01" + left + right).digest()


def written(value: bytes) -> str:
    """Write a hash as digests are written everywhere else."""
    return PREFIX + value.hex()


def read(text: str) -> bytes:
    """Read what `written` wrote. Raises ValueError."""
    value = bytes.fromhex(text.removeprefix(PREFIX))
    if len(value) != HASH_BYTES or not text.startswith(PREFIX):
        raise ValueError("not a SHA-256 digest")
    return value


Path = Sequence[tuple[bool, bytes]]
"""What a leaf is hashed with on the way to the root, and whether that stands to its left."""


def paths(leaves: Sequence[bytes]) -> tuple[bytes, list[list[tuple[bool, bytes]]]]:
    """Return the root over hashes of leaves, of which there are some, and each one's way to it."""
    found: list[list[tuple[bool, bytes]]] = [[] for _ in leaves]
    below = [[at] for at in range(len(leaves))]
    level = list(leaves)
    while len(level) > 1:
        pairs = range(0, len(level) - 1, 2)
        for at in pairs:
            left, right = level[at], level[at + 1]
            for leaf in below[at]:
                found[leaf].append((False, right))
            for leaf in below[at + 1]:
                found[leaf].append((True, left))
        # Whoever is left over has no neighbour on this level, and is its own parent.
        rest = len(level) & 1
        level = [node_hash(level[at], level[at + 1]) for at in pairs] + level[len(level) - rest :]
        below = [below[at] + below[at + 1] for at in pairs] + below[len(below) - rest :]
    return level[0], found


def root_by(leaf: bytes, path: Path) -> bytes:
    """Return the root to which that way leads."""
    node = leaf
    for is_left, other in path:
        node = node_hash(other, node) if is_left else node_hash(node, other)
    return node


@dataclass(slots=True)
class Frontier:
    """All that appending needs: one root for each bit set in the size, largest first."""

    size: int = 0
    nodes: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Put a leaf's hash at the end: on average one node is hashed."""
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self.nodes.pop(), node)
            size >>= 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the head of the tree as it is now."""
        if not self.nodes:
            return sha256(b"").digest()
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def copy(self) -> Self:
        """Return the tree as it is now."""
        return type(self)(self.size, self.nodes.copy())

    def packed(self) -> bytes:
        """Return the nodes as the database keeps them."""
        return b"".join(self.nodes)

    @classmethod
    def unpacked(cls, size: int, nodes: bytes) -> Self:
        """Read what `packed` made. Raises ValueError where the two cannot belong together."""
        return cls.of(
            size, [nodes[at : at + HASH_BYTES] for at in range(0, len(nodes), HASH_BYTES)]
        )

    @classmethod
    def of(cls, size: int, nodes: Sequence[bytes]) -> Self:
        """Make one of its parts. Raises ValueError where they cannot belong together."""
        right_length = all(len(node) == HASH_BYTES for node in nodes)
        if size < 0 or len(nodes) != size.bit_count() or not right_length:
            raise ValueError("the nodes are not those of a tree of this size")
        return cls(size, list(nodes))
