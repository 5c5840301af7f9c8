"""The hashes of a ledger's rows, and the tree over them, which grow with the rows and are never made again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from forest_fire_retrain.core.ledger.merkle import MerkleTree


class KnownHashes(Sequence[str]):
    """Hashes of rows in their order.

    Parameters
    ----------
    hashes : iterable of str
        Of the first rows.
    """

    def __init__(self, hashes: Iterable[str] = ()) -> None:
        self._hashes = list[str]()
        self._tree: MerkleTree | None = MerkleTree(())
        self.extend(hashes)

    @property
    def tree(self) -> MerkleTree | None:
        """The tree over the rows, to be read; `None` if one of the hashes is none."""
        return self._tree

    def extend(self, hashes: Iterable[str]) -> None:
        """Put hashes of further rows behind."""
        added = list(hashes)
        self._hashes += added
        try:
            leaves = [bytes.fromhex(one) for one in added]
        except ValueError:
            self._tree = None
        if self._tree is not None:
            self._tree.extend(leaves)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._hashes)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Hash of the row in a place, from 0, or of some."""
        return self._hashes[place]

    def __iter__(self) -> Iterator[str]:
        """One after the other."""
        return iter(self._hashes)
