"""Sign what the ledger comes to, so that it can be kept outside; and hold the ledger against what was kept.

Rules
-----
- Nothing is signed over rows that are broken, nor beside an earlier checkpoint that they do not continue: a log that
  signed both would be worth nothing.
- What was kept may have gone through a mail: line ends and blank lines around it do not matter, everything else does.
"""

from collections.abc import Iterable, Sequence

from forest_fire_retrain.core.errors import LedgerTamperedError, ProofError, RefusedRequestError
from forest_fire_retrain.core.ledger.checkpoints import SignedNote, leaves_of, read_notes, sign_checkpoint
from forest_fire_retrain.core.ledger.checkpoints import take_checkpoint as take
from forest_fire_retrain.core.ledger.entries import LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import IsSigned, Signer
from forest_fire_retrain.core.ledger.witnessing import compare_with_notes, find_contradiction
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault

KEEP_IT = "keep the ledger's file and the checkpoint; a backup from before: forest-fire ledger restore BACKUP"


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


def sign_ledger(entries: Sequence[LedgerEntry], signer: Signer, kept: Iterable[SignedNote] = ()) -> str:
    """The signed checkpoint of the ledger as it is.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    signer : Signer
        Who signs.
    kept : iterable of SignedNote
        Checkpoints that the ledger has to continue.

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
    contradictions = (find_contradiction(entries, note.checkpoint, tree) for note in kept)
    wrong = broken or next(filter(None, contradictions), None)
    if wrong is not None:
        msg = f"{wrong}. Nothing was signed. Run: forest-fire verify"
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


def check_against(
    entries: Sequence[LedgerEntry], notes: Sequence[SignedNote], key: bytes, is_signed: IsSigned
) -> tuple[list[str], list[Fault]]:
    """What checkpoints prove of the ledger, one sentence each, and where it does not continue one.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows.
    notes : sequence of SignedNote
        What was kept.
    key : bytes
        The public key that it has to be signed by.
    is_signed : callable
        The signature algorithm.
    """
    findings = compare_with_notes(entries, notes, key, is_signed)
    proved = [finding.sentence for finding in findings if finding.holds]
    faults = [
        Fault("witness", finding.sentence, KEEP_IT, repairable=False) for finding in findings if not finding.holds
    ]
    return proved, faults
