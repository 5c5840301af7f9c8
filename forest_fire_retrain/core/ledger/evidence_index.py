"""The readable page of an evidence pack: what was decided, what is in the pack, how to check it."""

from collections.abc import Mapping

from forest_fire_retrain.core.ledger.checkpoints import Checkpoint, PublicKey
from forest_fire_retrain.core.ledger.decision_page import render_facts, render_page, render_table
from forest_fire_retrain.core.ledger.evidence_pack import FORMAT, Subject, fingerprint

WHAT_FOR = {
    "rows/": "a row of the ledger, as it is hashed",
    "proofs/": "that the row is in the ledger of the checkpoint",
    "pages/": "what was shown when the decision fell",
    "consistency/": "that the ledger continues a checkpoint that was kept",
    "attachments/": "attached by the maker of the pack; no row vouches for it",
    "checkpoint.txt": "what the ledger came to, signed",
    "witness.pub": "the public key",
    "decision.json": "the decision, taken out of its row",
    "candidate.json": "the candidate, taken out of its row",
    "champion.json": "the champion, taken out of the rows that decided it",
    "environment.json": "where the candidate was trained",
    "metrics.json": "figures with their intervals, and guardrails",
    "windows.json": "windows, their hashes, and the daily sums of the newest one",
}


def render_index(
    files: Mapping[str, bytes], subject: Subject, checkpoint: Checkpoint, key: PublicKey, *, partition_key: str
) -> str:
    """The page, as HTML.

    Parameters
    ----------
    files : mapping
        All files but this page and the list.
    subject : Subject
        The rows in the pack.
    checkpoint, key : Checkpoint, PublicKey
        What the rows are proved against, and by whom it is signed.
    partition_key : str
        The period.
    """
    decision = subject.decision
    rows = [
        (row.sequence, str(row.kind), row.partition_key, f"{row.recorded_at:%Y-%m-%d %H:%M:%S}", row.summary)
        for row in subject.rows
    ]
    pages = [name for name in sorted(files) if name.startswith("pages/")]
    facts = {
        "what was decided": "only replays were made of this period" if decision is None else decision.summary,
        "read first": pages[0] if pages else "decision.json",
        "checkpoint": str(checkpoint),
        "root": checkpoint.root.hex(),
        "public key": str(key),
        "check it": "forest-fire evidence --check FILE.zip",
        "hold it against a checkpoint that was kept outside": "forest-fire evidence --check FILE.zip --against FILE",
    }
    listed = [(name, _what_for(name), fingerprint(content)) for name, content in sorted(files.items())]
    sections = [
        render_facts("What this is", facts),
        render_table("Rows", ("row", "kind", "period", "recorded (UTC)", "what"), rows),
        render_table("Files", ("file", "what it is", "SHA-256"), listed),
    ]
    return render_page(f"Evidence on the period {partition_key}", sections, f"evidence {FORMAT}")


def _what_for(name: str) -> str:
    return next((words for beginning, words in WHAT_FOR.items() if name.startswith(beginning)), "")
