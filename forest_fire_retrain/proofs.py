"""What the installation proves to people outside: a witness of its ledger, and packs of evidence.

The command line and a notebook come through here, as they do through `operations`. Nothing here changes the ledger.

Rules
-----
- Nothing is signed that contradicts what was signed before, as far as it is at hand.
- An evidence pack is checked with nothing but the pack and what its reader kept.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain.adapters.kept_files import append_note, read_appended, read_pack, write_pack
from forest_fire_retrain.adapters.ledger_export import CHECKPOINT_FILE, EXPORT, PUBLIC_KEY_FILE, read_checkpoint
from forest_fire_retrain.adapters.upkeep_notes import keep_witnessed
from forest_fire_retrain.adapters.witness_key import is_signed
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.checkpoints import PublicKey, SignedNote, read_keys
from forest_fire_retrain.core.ledger.evidence_check import Report, check_pack
from forest_fire_retrain.core.ledger.witnessing import Finding
from forest_fire_retrain.core.oversight.notes import Witnessed
from forest_fire_retrain.core.ports import RecordStore
from forest_fire_retrain.installation import PublishedLedger
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.evidencing import Order, make_pack
from forest_fire_retrain.pipeline.custody.witnessing import (
    Keeper,
    check_against,
    read_kept,
    sign_ledger,
)

FORCE = f"if the ledger is right all the same: {EXPORT} --force"
ANOTHER_FILE = "forest-fire witness --append, with the name of another file"
BEGIN_ANEW = f"if a backup was restored on purpose (forest-fire history --events): {ANOTHER_FILE}"


class Witness(NamedTuple):
    """What the ledger came to, signed.

    Attributes
    ----------
    note : str
        The signed checkpoint.
    public_key : str
        The line that others check it with.
    is_appended : bool
        Whether it was written to the file; not if it stands there last already.
    """

    note: str
    public_key: str
    is_appended: bool


def witness(published: PublishedLedger, *, append_to: Path | None = None, now: dt.datetime | None = None) -> Witness:
    """Sign what the ledger comes to, and append it to a file if one is named; where `now` is given, that is noted.

    Raises
    ------
    RefusedRequestError
        If the ledger has no row yet.
    LedgerTamperedError
        If it is broken, or does not continue what stands in the file or beside its copy; nothing is signed then.
    ProofError
        If the key or the file cannot be used.
    """
    with published.ledger.exclusive():
        entries = published.ledger.read_afresh()
        folder, appended = published.export_folder, "" if append_to is None else read_appended(append_to)
        kept = {
            **_read_notes_of(Keeper(str(folder / CHECKPOINT_FILE), FORCE), read_checkpoint(folder), EXPORT),
            **_read_notes_of(Keeper(str(append_to), BEGIN_ANEW), _refuse_broken_off(appended, append_to), ANOTHER_FILE),
        }
        note = sign_ledger(entries, published.signer, kept)
        is_new = append_to is not None and not appended.rstrip("\n").endswith(note.rstrip("\n"))
        if append_to is not None and is_new:
            append_note(append_to, note)
    checkpoint = read_kept(note)[0].checkpoint
    if now is not None:
        keep_witnessed(published.export_folder, Witnessed(witnessed_at=now, n_rows=checkpoint.size))
    origin = checkpoint.origin
    return Witness(note, str(PublicKey(origin, published.signer.public_key)), is_new)


def _read_notes_of(keeper: Keeper, written: str | None, mend: str) -> dict[Keeper, list[SignedNote]]:
    """What a file holds that was signed before; `mend` is what to do if it cannot be read.

    Raises
    ------
    ProofError
        If it is none.
    """
    if not written or not written.strip():
        return {}
    try:
        return {keeper: read_kept(written)}
    except ProofError as error:
        msg = f"{keeper.name}: {error}. Nothing was signed. Run: {mend}"
        raise ProofError(msg) from error


def _refuse_broken_off(appended: str, path: Path | None) -> str:
    """The text, if its last line ends: what was cut while it was written may look like a note."""
    if appended.strip() and not appended.endswith("\n"):
        msg = f"{path}: its last line breaks off. Nothing was signed. If it is whole, end it; else: {ANOTHER_FILE}"
        raise ProofError(msg)
    return appended


def check_checkpoints(
    published: PublishedLedger, written: str, public_key: str | None = None
) -> tuple[list[str], list[Fault]]:
    """What checkpoints that somebody kept prove of the ledger, and where it does not continue them.

    Parameters
    ----------
    published : PublishedLedger
        What is checked.
    written : str
        The text that was kept.
    public_key : str, optional
        The lines of the keys that it has to be signed by one of; the installation's own by default.

    Raises
    ------
    ProofError
        If the text or the key is none.
    LedgerError
        If the ledger cannot be read.
    """
    notes = read_kept(written)
    keys = [_own_key(published)] if public_key is None else [one.key for one in read_keys(public_key)]
    return check_against(published.ledger.read_afresh(), notes, keys, is_signed)


def _own_key(published: PublishedLedger) -> bytes:
    """The installation's public key.

    Raises
    ------
    ProofError
        If its key cannot be used.
    """
    try:
        return published.signer.public_key
    except ProofError as error:
        msg = f"{error}. To check without it, name the public key: --key {published.export_folder / PUBLIC_KEY_FILE}"
        raise ProofError(msg) from error


def write_evidence(
    published: PublishedLedger,
    records: RecordStore,
    partition_key: str,
    target: Path,
    *,
    now: dt.datetime,
    kept: str | None = None,
    attachments: Mapping[str, bytes] | None = None,
    is_replaced: bool = False,
) -> int:
    """Write the evidence pack of a period to `target`; the number of files in it.

    Parameters
    ----------
    published : PublishedLedger
        The ledger, and who signs.
    records : RecordStore
        Where the pages of decisions are.
    partition_key : str
        The period.
    target : Path
        The archive to write.
    now : datetime.datetime
        When it is made.
    kept : str, optional
        Checkpoints that were kept outside and that the pack is to be held against later.
    attachments : mapping, optional
        Name to content of what else belongs to it.
    is_replaced : bool
        Whether a file that is there is written over.

    Raises
    ------
    RefusedRequestError
        If the ledger says nothing of the period.
    LedgerTamperedError
        If the ledger is broken, or does not continue a checkpoint that was kept.
    ProofError
        If a page is lost, the key cannot be used, or the file is there already.
    """
    notes = [] if kept is None else read_kept(kept)
    order = Order(published.model_name, partition_key, now, notes, attachments or {})
    with published.ledger.exclusive():
        files = make_pack(published.ledger.read_afresh(), records, published.signer, order)
    write_pack(target, files, is_replaced=is_replaced)
    return len(files)


def check_evidence(pack: Path, *, kept: str | None = None, public_key: str | None = None) -> Report:
    """Check an evidence pack with nothing else at hand: no home, no ledger, no settings.

    Parameters
    ----------
    pack : Path
        The archive.
    kept : str, optional
        Checkpoints that were kept outside.
    public_key : str, optional
        The lines of the keys that are known from elsewhere.

    Raises
    ------
    ProofError
        If the file cannot be read, or what was kept is no checkpoint or key.
    """
    trusted = [] if public_key is None else read_keys(public_key)
    notes = [] if kept is None else read_kept(kept)
    files = read_pack(pack)
    if files is None:
        what = f"{pack.name} is not, to the byte, an archive as it was written: it was changed, or packed anew"
        return Report("nothing that could be read", (Finding(holds=False, sentence=what),), ())
    return check_pack(files, is_signed, trusted=trusted, kept=notes)
