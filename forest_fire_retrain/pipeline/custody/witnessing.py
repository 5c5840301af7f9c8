"""Sign what the ledger comes to, so that it can be kept outside; and hold the ledger against what was kept.

Rules
-----
- Nothing is signed over rows that are broken, nor beside an earlier checkpoint that they do not continue: a log that
  signed both would be worth nothing.
- What was kept may have gone through a mail: line ends and blank lines around it do not matter, everything else does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import LedgerTamperedError, ProofError, RefusedRequestError
from forest_fire_retrain.core.ledger.checkpoints import (
    PublicKey,
    SignedNote,
    is_signed_by_any,
    leaves_of,
    read_notes,
    sign_checkpoint,
)
from forest_fire_retrain.core.ledger.checkpoints import take_checkpoint as take
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import IsSigned, Signer
from forest_fire_retrain.core.ledger.witnessing import REPLACED_KEY, compare_with_notes, find_contradiction
from forest_fire_retrain.pipeline.custody.comparing_registry import REPAIR, Fault

KEEP_IT = (
    "if a backup was restored on purpose, that is meant; else keep the ledger's file and the checkpoint, and restore a "
    "backup from before: forest-fire ledger restore BACKUP"
)


class Keeper(NamedTuple):
    """Where checkpoints were kept.

    Attributes
    ----------
    name : str
        For people.
    way_out : str
        What to do if the ledger is right although it does not continue them.
    """

    name: str
    way_out: str


def read_kept(written: str) -> list[SignedNote]:
    """The checkpoints of a text that somebody kept.

    Raises
    ------
    ProofError
        If there is none in it, or anything else.
    """
    tidy = written.removeprefix("\ufeff").replace("\r\n", "\n").strip("\n ")
    notes = read_notes(f"{tidy}\n")
    for note in notes:
        _ = note.checkpoint
    return notes


def sign_ledger(
    entries: Sequence[LedgerEntry], signer: Signer, kept: Mapping[Keeper, Sequence[SignedNote]] | None = None
) -> str:
    """The signed checkpoint of the ledger as it is.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    signer : Signer
        Who signs.
    kept : mapping, optional
        Checkpoints that the ledger has to continue, by where they were kept.

    Raises
    ------
    RefusedRequestError
        If there is no row yet.
    LedgerTamperedError
        If the rows are broken, or do not continue what was kept; nothing is signed then.
    ProofError
        If the key cannot be used.
    """
    if not entries:
        msg = "the ledger has no row yet, and nothing was signed. Decide a period first: forest-fire retrain"
        raise RefusedRequestError(msg)
    broken, tree = find_first_fault(entries), MerkleTree(leaves_of(entries))
    if broken is not None:
        msg = f"{broken}. Nothing was signed. Run: forest-fire verify"
        raise LedgerTamperedError(msg)
    for keeper, notes in (kept or {}).items():
        found = (find_contradiction(entries, note.checkpoint, tree) for note in notes)
        contradiction = next(filter(None, found), None)
        if contradiction is not None:
            msg = f"{contradiction}, says {keeper.name}. Nothing was signed. Run: forest-fire verify; {keeper.way_out}"
            raise LedgerTamperedError(msg)
    return sign_checkpoint(take(entries, tree), signer)


def check_own_checkpoint(entries: Sequence[LedgerEntry], written: str | None) -> list[Fault]:
    """Whether the ledger continues the checkpoint that lies beside its copy; an old copy has none."""
    if written is None:
        return []
    try:
        notes = read_notes(written)
        tree = MerkleTree(leaves_of(entries))
        found = [find_contradiction(entries, note.checkpoint, tree) for note in notes]
    except ProofError as error:
        what = f"the checkpoint of the copy cannot be read: {error}".replace("\n", " ")
        return [Fault("copy", what, "forest-fire ledger export", repairable=False)]
    return [Fault("ledger", f"{what}, says the copy", KEEP_IT, repairable=False) for what in found if what is not None]


def check_completeness(written: str | None, n_copied: int, *, is_expected: bool) -> list[Fault]:
    """Whether the checkpoint beside the copy is there and of all its rows; old copies have none.

    Parameters
    ----------
    written : str, optional
        The checkpoint.
    n_copied : int
        Rows of the copy.
    is_expected : bool
        Whether something else shows that there was one: the published key, or a run that keeps one.
    """
    if n_copied == 0 or (written is None and not is_expected):
        return []
    try:
        sizes = [] if written is None else [note.checkpoint.size for note in read_notes(written)]
    except ProofError:  # `check_own_checkpoint` says so
        return []
    if max(sizes, default=0) >= n_copied:
        return []
    what = "is gone" if not sizes else f"is of {counted(max(sizes), 'row')}, the copy has {n_copied}"
    return [Fault("copy", f"the checkpoint of the copy {what}", REPAIR, repairable=True)]


def check_signature(
    written: str | None, keys: Sequence[PublicKey], own_key: bytes | None, is_signed: IsSigned
) -> list[Fault]:
    """Whether the checkpoint beside the copy is signed by the key that is published there, and that by the own one.

    Parameters
    ----------
    written : str, optional
        The checkpoint; an old copy has none.
    keys : sequence of PublicKey
        The published keys, the present one first.
    own_key : bytes, optional
        The public key of the one that signs here, where it can be read.
    is_signed : callable
        The signature algorithm.
    """
    try:
        notes = [] if written is None else read_notes(written)
    except ProofError:  # `check_own_checkpoint` says so
        return []
    published = [key.key for key in keys[:1]]
    if not all(is_signed_by_any(note, published, is_signed) for note in notes):
        what = "the checkpoint of the copy is not signed by the first key in witness.pub: one of the two was changed"
    elif notes and own_key is not None and [own_key] != published:
        what = "witness.pub names another key first than the one that signs here: one of the two was replaced"
    else:
        return []
    return [Fault("copy", what, "forest-fire ledger export", repairable=False)]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def check_against(
    entries: Sequence[LedgerEntry], notes: Sequence[SignedNote], keys: Sequence[bytes], is_signed: IsSigned
) -> tuple[list[str], list[Fault]]:
    """What checkpoints prove of the ledger, one sentence each, and where it does not continue one.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    notes : sequence of SignedNote
        What was kept.
    keys : sequence of bytes
        The public keys; each note has to be signed by one of them.
    is_signed : callable
        The signature algorithm.
    """
    findings = compare_with_notes(entries, notes, keys, is_signed)
    proved = [finding.sentence for finding in findings if finding.holds]
    faults = [
        Fault("witness", finding.sentence, _lower(REPLACED_KEY) if finding.is_foreign else KEEP_IT, repairable=False)
        for finding in findings
        if not finding.holds
    ]
    return proved, faults
