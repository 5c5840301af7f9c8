"""Put the evidence pack of a period together, from the ledger and the pages."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import ProofError, RefusedRequestError
from forest_fire_retrain.core.ledger.checkpoints import PublicKey, SignedNote, leaves_of, read_notes, sign_text
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.evidence_index import render_index
from forest_fire_retrain.core.ledger.evidence_pack import (
    CHECKPOINT,
    CONSISTENCY,
    INDEX,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    Files,
    Subject,
    attach,
    find_subject,
    page_file,
    take_out,
    write_hashes,
    write_json,
    write_manifest,
    write_rows,
)
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain.core.ledger.ports import Signer
from forest_fire_retrain.core.ports import RecordStore
from forest_fire_retrain.pipeline.custody.witnessing import Keeper, sign_ledger

OUTSIDE = Keeper(
    "what was kept outside",
    "if a backup was restored on purpose (forest-fire history --events), leave that checkpoint out of --against",
)


class Order(NamedTuple):
    """What a person wants a pack of.

    Attributes
    ----------
    model_name, partition_key : str
        The period.
    made_at : datetime.datetime
        Now, UTC.
    kept : sequence of SignedNote
        Checkpoints, kept outside, that the pack is to be held against later.
    attachments : mapping
        Name to content of what else belongs to it.
    """

    model_name: str
    partition_key: str
    made_at: dt.datetime
    kept: Sequence[SignedNote] = ()
    attachments: Mapping[str, bytes] = {}


def make_pack(entries: Sequence[LedgerEntry], records: RecordStore, signer: Signer, order: Order) -> Files:
    """All files of a pack, by name.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows of the ledger, of all models.
    records : RecordStore
        Where the pages are.
    signer : Signer
        Who signs the checkpoint and the list of files.
    order : Order
        What is wanted.

    Raises
    ------
    RefusedRequestError
        If the ledger says nothing of the period.
    LedgerTamperedError
        If the ledger is broken, or does not continue a checkpoint that was kept.
    ProofError
        If a page is lost or was changed, or the key cannot be used.
    """
    subject = find_subject([entry for entry in entries if entry.model_name == order.model_name], order.partition_key)
    if not subject.own:
        msg = f"the ledger says nothing of the period {order.partition_key}. Its periods: forest-fire history --events"
        raise RefusedRequestError(msg)
    tree = MerkleTree(leaves_of(entries))
    note = sign_ledger(entries, signer, {OUTSIDE: order.kept})
    checkpoint = read_notes(note)[0].checkpoint
    key = PublicKey(checkpoint.origin, signer.public_key)
    files = {
        **write_rows(subject, tree),
        **take_out(subject),
        **_find_pages(records, subject),
        **_prove_consistency(tree, order.kept),
        **attach(order.attachments),
        CHECKPOINT: note.encode(),
        PUBLIC_KEY: f"{key}\n".encode(),
    }
    files[INDEX] = render_index(files, subject, checkpoint, key, partition_key=order.partition_key).encode()
    manifest = write_manifest(
        files, subject, model_name=order.model_name, partition_key=order.partition_key, made_at=order.made_at
    )
    signature = sign_text(manifest.decode(), signer, checkpoint.origin)
    return {**files, MANIFEST: manifest, SIGNATURE: signature.encode()}


def _find_pages(records: RecordStore, subject: Subject) -> Files:
    files = Files()
    for entry in subject.own:
        digest = entry.payload.get("page_sha256")
        if not isinstance(digest, str):
            continue
        page = records.page(digest)
        if page is None or fingerprint_text(page) != digest:
            what = "is lost" if page is None else "was changed"
            msg = f"the page of row {entry.sequence} {what}; no pack was made. Run: forest-fire verify"
            raise ProofError(msg)
        files[page_file(entry.sequence)] = page.encode()
    return files


def _prove_consistency(tree: MerkleTree, kept: Sequence[SignedNote]) -> Files:
    return {
        f"{CONSISTENCY}{number:06d}.json": write_json(
            {"checkpoint": note.text, "hashes": write_hashes(tree.prove_consistency(note.checkpoint.size))}
        )
        for number, note in enumerate(kept, start=1)
    }
