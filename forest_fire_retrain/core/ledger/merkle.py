"""The Merkle tree over the ledger's rows: one root for all of them, short proofs for single rows and older roots.

Definitions and section numbers are those of RFC 9162 (section 2.1), which are the same in RFC 6962. The leaves are the
rows' hashes, 32 bytes each; hash function SHA-256.

Rules
-----
- Leaves and nodes are hashed under different prefixes, so that neither can be passed off as the other.
- A proof is checked by the sizes and roots that somebody trusts; what a proof says of itself counts for nothing.
- A check answers yes or no and raises nothing, whatever it is handed.
"""

import hashlib
from collections.abc import Iterable, Sequence

LEAF, NODE = b"\x00", b"\x01"
HASH_LENGTH = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""The root of a tree without leaves (2.1.1)."""

Proof = tuple[bytes, ...]


def hash_leaf(leaf: bytes) -> bytes:
    """Hash of one leaf (2.1.1)."""
    return hashlib.sha256(LEAF + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash of a node from the hashes of the two below it (2.1.1)."""
    return hashlib.sha256(NODE + left + right).digest()


class MerkleTree:
    """All leaves of a log, ready to give the root and the proofs of every size that it ever had.

    Parameters
    ----------
    leaves : sequence of bytes
        Oldest first.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaves)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Put leaves behind the others; only the nodes above them are hashed."""
        self._levels[0] += [hash_leaf(leaf) for leaf in leaves]
        level = 0
        while len(below := self._levels[level]) > 1:
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            known = 2 * len(self._levels[level])
            pairs = zip(below[known::2], below[known + 1 :: 2], strict=False)  # one without a neighbour waits for it
            self._levels[level] += [hash_node(left, right) for left, right in pairs]

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def root(self, size: int | None = None) -> bytes:
        """Root over the first `size` leaves, all by default.

        Raises
        ------
        ValueError
            If there never were so many.
        """
        wanted = self._checked(self.size if size is None else size)
        return self._hash(0, wanted) if wanted else EMPTY_ROOT

    def prove_inclusion(self, index: int, size: int | None = None) -> Proof:
        """Hashes that lead from leaf `index`, from 0, to the root over the first `size` leaves (PATH, 2.1.3.1).

        Raises
        ------
        ValueError
            If there is no such leaf.
        """
        end = self._checked(self.size if size is None else size)
        if not 0 <= index < end:
            msg = f"leaf {index} is not among the first {end}"
            raise ValueError(msg)
        start, path = 0, list[bytes]()
        while end - start > 1:
            middle = start + _largest_power_below(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return tuple(reversed(path))

    def prove_consistency(self, old_size: int, size: int | None = None) -> Proof:
        """Hashes that show that the first `old_size` leaves are the beginning of the first `size` (PROOF, 2.1.4.1).

        Empty where there is nothing to show: for no leaves at all, and for the same size.

        Raises
        ------
        ValueError
            If the sizes are not those of an earlier and a later state.
        """
        end = self._checked(self.size if size is None else size)
        if not 0 <= old_size <= end:
            msg = f"a log of {end} rows never continued one of {old_size}"
            raise ValueError(msg)
        if old_size in (0, end):
            return ()
        start, path, is_whole = 0, list[bytes](), True
        while end != old_size:
            middle = start + _largest_power_below(end - start)
            if old_size <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start, is_whole = middle, False
        if not is_whole:
            path.append(self._hash(start, end))
        return tuple(reversed(path))

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            msg = f"the log has {self.size} rows, not {size}"
            raise ValueError(msg)
        return size

    def _hash(self, start: int, end: int) -> bytes:
        """Hash over a run of leaves that is a subtree of some size of this log."""
        n_leaves = end - start
        if n_leaves & (n_leaves - 1) == 0:
            level = n_leaves.bit_length() - 1
            return self._levels[level][start >> level]
        middle = start + _largest_power_below(n_leaves)
        return hash_node(self._hash(start, middle), self._hash(middle, end))


def _largest_power_below(number: int) -> int:
    """The largest power of two that is smaller than `number`, at least 2: where a tree is split (2.1.1)."""
    return 1 << (number - 1).bit_length() - 1


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is number `index`, from 0, of the `size` leaves under `root` (2.1.3.2).

    Parameters
    ----------
    leaf : bytes
        What the leaf holds, not its hash.
    index, size : int
        Its place, and the number of leaves under `root`.
    proof : sequence of bytes
        What `prove_inclusion` gave.
    root : bytes
        A root that is trusted.
    """
    if not 0 <= index < size or not _are_hashes(proof):
        return False
    sides = _sides(index, size - 1)
    computed = hash_leaf(leaf)
    for sibling, is_left in zip(proof, sides, strict=False):
        computed = hash_node(sibling, computed) if is_left else hash_node(computed, sibling)
    return len(sides) == len(proof) and computed == root


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the leaves under `old_root` are the first ones under `root` (2.1.4.2).

    Parameters
    ----------
    old_size, old_root, size, root : int, bytes
        The earlier and the later state of a log.
    proof : sequence of bytes
        What `prove_consistency` gave.
    """
    if not 0 <= old_size <= size or not _are_hashes(proof):
        return False
    if old_size == size:
        return not proof and old_root == root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    first, *path = [old_root, *proof] if old_size & (old_size - 1) == 0 else [*proof] or [b""]
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    sides, computed_old, computed = _sides(place, last), first, first
    for sibling, is_left in zip(path, sides, strict=False):
        computed_old = hash_node(sibling, computed_old) if is_left else computed_old
        computed = hash_node(sibling, computed) if is_left else hash_node(computed, sibling)
    return len(sides) == len(path) and computed_old == old_root and computed == root


def _sides(place: int, last: int) -> list[bool]:
    """Of each sibling on the way up from `place`, whether it stands to the left.

    The loop of 2.1.3.2 and 2.1.4.2, whose shifts are the same; `last` is the last place of the level.
    """
    sides = list[bool]()
    while last:
        is_left = bool(place & 1) or place == last
        while is_left and place and not place & 1:
            place, last = place >> 1, last >> 1
        sides.append(is_left)
        place, last = place >> 1, last >> 1
    return sides


def _are_hashes(proof: Sequence[bytes]) -> bool:
    return all(len(part) == HASH_LENGTH for part in proof)
