"""Hold the ledger against checkpoints that somebody kept outside, and say in sentences what that proves."""

from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.ledger.checkpoints import (
    Checkpoint,
    PublicKey,
    SignedNote,
    is_signed_by_any,
    leaves_of,
    origin_of_ledger,
)
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.merkle import EMPTY_ROOT, MerkleTree
from forest_fire_retrain.core.ledger.ports import IsSigned

REPLACED_KEY = "If the key was replaced, name all public keys, one a line: --key FILE"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    holds : bool
        Whether it is as it should be.
    sentence : str
        What is proved, what is wrong, or what cannot be said.
    is_open : bool
        Whether nothing is wrong, but nothing is proved either with what is at hand.
    is_foreign : bool
        Whether it is signed by none of the keys that it has to be signed by.
    """

    holds: bool
    sentence: str
    is_open: bool = False
    is_foreign: bool = False


def compare_with_notes(
    entries: Sequence[LedgerEntry], notes: Sequence[SignedNote], keys: Sequence[bytes], is_signed: IsSigned
) -> list[Finding]:
    """One finding per checkpoint: whether the ledger continues it.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows of the ledger.
    notes : sequence of SignedNote
        Checkpoints that were kept.
    keys : sequence of bytes
        The public keys; each note has to be signed by one of them.
    is_signed : callable
        The signature algorithm.

    Raises
    ------
    ProofError
        If a note is no checkpoint.
    """
    checkpoints = [note.checkpoint for note in notes]
    broken = find_first_fault(entries)
    if broken is not None:
        return [Finding(holds=False, sentence=f"nothing can be proved by a ledger whose {broken}")]
    tree = MerkleTree(leaves_of(entries))
    origin = origin_of_ledger(entries[0].entry_hash) if entries else ""
    return [
        _compare(tree, origin, checkpoint)
        if is_signed_by_any(note, keys, is_signed)
        else Finding(holds=False, sentence=describe_foreign(note, checkpoint, keys), is_foreign=True)
        for note, checkpoint in zip(notes, checkpoints, strict=True)
    ]


def find_contradiction(entries: Sequence[LedgerEntry], checkpoint: Checkpoint, tree: MerkleTree) -> str | None:
    """What a checkpoint says that the ledger does not continue, whoever signed it; `None` if it does."""
    return contradiction_of(entries[0].entry_hash if entries else None, checkpoint, tree)


def contradiction_of(first_row_hash: str | None, checkpoint: Checkpoint, tree: MerkleTree) -> str | None:
    """As `find_contradiction`, of a ledger whose first row has this hash, and the tree over its rows."""
    origin = "" if first_row_hash is None else origin_of_ledger(first_row_hash)
    finding = _compare(tree, origin, checkpoint)
    return None if finding.holds else finding.sentence


def describe_foreign(note: SignedNote, checkpoint: Checkpoint, keys: Sequence[bytes]) -> str:
    """That a note is not signed by a key it has to be signed by."""
    names = ", ".join(line.split(" ")[1] for line in note.signatures)
    wanted = " or ".join(str(PublicKey(checkpoint.origin, key)) for key in keys)
    return (
        f"the checkpoint of {checkpoint} is not signed by the key {wanted}: "
        f"the key of {names} is another one, or it was changed after it was signed"
    )


def _compare(tree: MerkleTree, origin: str, checkpoint: Checkpoint) -> Finding:
    size, said = checkpoint.size, f"the checkpoint of {checkpoint}"
    if size > tree.size:
        more = counted(size - tree.size, "row")
        what = f"{said} has {more} more than the ledger with its {tree.size}: rows were removed"
        return Finding(holds=False, sentence=what)
    if size and checkpoint.origin != origin:
        what = (
            f"{said} is of {checkpoint.origin}, not of this ledger, {origin}: it is another one, or was rewritten "
            "from its first row on"
        )
        return Finding(holds=False, sentence=what)
    if checkpoint.root != (tree.root(size) if size else EMPTY_ROOT):
        what = f"{said} is of other rows than the first {size} of the ledger: rows were edited, replaced or reordered"
        return Finding(holds=False, sentence=what)
    younger = tree.size - size
    rest = f"of {counted(younger, 'younger row')} behind them it says nothing" if younger else "these are all"
    return Finding(
        holds=True,
        sentence=f"The first {counted(size, 'row')} of the ledger are those that {said} was signed over, unchanged and "
        f"in their order; {rest}.",
    )
