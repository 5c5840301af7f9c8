"""What an evidence pack is made of: files by name, and a signed list of them.

A pack says of one period what was decided and on what, in a form that can be checked with nothing else at hand
(`evidence_check`). Its files:

- `rows/N.json`: rows of the ledger as they are hashed; `proofs/N.json`: that they are in it.
- `checkpoint.txt`, `witness.pub`: the ledger's signed checkpoint, and the public key.
- `consistency/N.json`: that the ledger continues a checkpoint that somebody kept.
- `pages/N.html`: pages of decisions as they were when the decision fell.
- `decision.json`, `candidate.json` and others: parts of the rows, taken out for readers.
- `attachments/NAME`: what else belongs to it; no row vouches for these.
- `index.html`: what is in it, for people.
- `manifest.json`, `manifest.sig`: every other file with its SHA-256, and the signature over that.

Rules
-----
- The same rows, time and key make the same bytes.
- What is taken out of a row is taken as it stands there, so that rows of any age can be compared with it.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.merkle import MerkleTree, Proof
from forest_fire_retrain.core.ledger.state import origin_of

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
CHECKPOINT, PUBLIC_KEY, INDEX = "checkpoint.txt", "witness.pub", "index.html"
ATTACHMENTS, CONSISTENCY = "attachments/", "consistency/"
ATTACHMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,80}")

Files = dict[str, bytes]


class Subject(NamedTuple):
    """The rows that a pack holds, each once.

    Attributes
    ----------
    own : tuple of LedgerEntry
        All rows of the period: decision, confirmation or abandonment, replays.
    champion : tuple of LedgerEntry
        The decision that had promoted the champion it was judged against, the verdict on its shadow time, if there was
        one, and its confirmation.
    evidence : tuple of LedgerEntry
        The earlier decisions whose windows the decision used.
    """

    own: tuple[LedgerEntry, ...]
    champion: tuple[LedgerEntry, ...]
    evidence: tuple[LedgerEntry, ...]

    @property
    def rows(self) -> list[LedgerEntry]:
        """All of them, in the ledger's order."""
        held = {entry.sequence: entry for part in self for entry in part}
        return [held[sequence] for sequence in sorted(held)]

    @property
    def decision(self) -> LedgerEntry | None:
        """The live decision of the period, if there is one."""
        return next((entry for entry in self.own if entry.kind is EntryKind.DECISION), None)

    @property
    def roles(self) -> dict[str, list[int]]:
        """Numbers of the rows, by why they are in the pack."""
        return {name: [entry.sequence for entry in part] for name, part in self._asdict().items()}


def find_subject(entries: Sequence[LedgerEntry], partition_key: str) -> Subject:
    """The rows that belong into the pack of a period; none of its own if nothing was decided.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows of the model.
    partition_key : str
        The period.
    """
    own = tuple(entry for entry in entries if entry.partition_key == partition_key)
    decision = next((entry for entry in own if entry.kind is EntryKind.DECISION), None)
    if decision is None:
        return Subject(own, (), ())
    before = entries[: entries.index(decision)]
    origin = None if decision.champion_before is None else origin_of(before, decision.champion_before)
    used = decision.payload.get("used_partitions", [])
    return Subject(
        own,
        () if origin is None else (origin, *_find_what_followed(before, origin)),
        tuple(row for row in before if row.kind is EntryKind.DECISION and row.partition_key in _texts(used)),
    )


def _find_what_followed(entries: Iterable[LedgerEntry], origin: LedgerEntry) -> list[LedgerEntry]:
    kinds = (EntryKind.SHADOW_VERDICT, EntryKind.CONFIRMATION)
    return [row for row in entries if row.kind in kinds and row.decision_id == origin.decision_id]


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def row_file(sequence: int) -> str:
    """Name of a row's file."""
    return f"rows/{sequence:06d}.json"


def proof_file(sequence: int) -> str:
    """Name of the file that proves a row."""
    return f"proofs/{sequence:06d}.json"


def page_file(sequence: int) -> str:
    """Name of the page of a row's decision."""
    return f"pages/{sequence:06d}.html"


def write_json(value: object) -> bytes:
    """The one JSON text of a value, with a newline."""
    return f"{canonical_json(value)}\n".encode()


def write_rows(subject: Subject, tree: MerkleTree) -> Files:
    """The rows, and the proof of each."""
    files = Files()
    for entry in subject.rows:
        files[row_file(entry.sequence)] = write_json(entry.model_dump(mode="json"))
        proof = tree.prove_inclusion(entry.sequence - 1)
        files[proof_file(entry.sequence)] = write_json(
            {"index": entry.sequence - 1, "size": tree.size, "hashes": write_hashes(proof)}
        )
    return files


def write_hashes(proof: Proof) -> list[str]:
    """A proof's hashes in hexadecimal."""
    return [part.hex() for part in proof]


def take_out(subject: Subject) -> Files:
    """Parts of the rows for readers: what was decided, on what, by which models, where they were trained."""
    if subject.decision is None:
        return {}
    payload = subject.decision.payload
    candidate, decision = _mapping(payload, "candidate"), _mapping(payload, "decision")
    champion = next((row.payload.get("candidate") for row in subject.champion), None)
    parts: dict[str, object] = {
        "decision.json": decision,
        "candidate.json": candidate,
        "champion.json": {"facts": payload.get("champion"), "candidate": champion},
        "environment.json": candidate.get("environment"),
        "metrics.json": {
            "comparison": decision.get("comparison"),
            "candidate": candidate.get("metrics"),
            "newest window": payload.get("quality"),
            "guardrails": payload.get("guardrails"),
        },
        "windows.json": {
            "holdout": payload.get("holdout"),
            "evidence": payload.get("evidence"),
            "used": payload.get("used_partitions"),
            "left out": payload.get("dropped"),
        },
    }
    return {name: write_json(part) for name, part in parts.items()}


def _mapping(parent: Mapping[str, object], name: str) -> dict[str, object]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def attach(attachments: Mapping[str, bytes]) -> Files:
    """Attachments under their names in the pack.

    Raises
    ------
    ProofError
        If a name is not plain.
    """
    for name in attachments:
        if not ATTACHMENT.fullmatch(name):
            msg = f"{name!r} is no name for an attachment; letters, digits, '_', '.' and '-' only"
            raise ProofError(msg)
    return {f"{ATTACHMENTS}{name}": content for name, content in attachments.items()}


def write_manifest(
    files: Mapping[str, bytes], subject: Subject, *, model_name: str, partition_key: str, made_at: dt.datetime
) -> bytes:
    """The list of all other files, and what the pack is about.

    Parameters
    ----------
    files : mapping
        Name to content.
    subject : Subject
        The rows in it.
    model_name, partition_key : str
        What it is about.
    made_at : datetime.datetime
        Now, UTC.
    """
    return write_json(
        {
            "kind": "forest-fire-retrain evidence",
            "format": FORMAT,
            "model_name": model_name,
            "partition_key": partition_key,
            "made_at": made_at.astimezone(dt.UTC).isoformat(timespec="seconds"),
            "rows": subject.roles,
            "files": {name: fingerprint(content) for name, content in files.items()},
        }
    )


def fingerprint(content: bytes) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_json(files: Mapping[str, bytes], name: str) -> dict[str, object]:
    """A JSON file of a pack.

    Raises
    ------
    ProofError
        If it is missing, or not written as `write_json` writes.
    """
    try:
        value = json.loads(files[name])
        is_canonical = isinstance(value, dict) and write_json(value) == files[name]
    except (KeyError, ValueError, RecursionError):
        is_canonical = False
    if not is_canonical:
        msg = f"{name} is missing, or is no canonical JSON"
        raise ProofError(msg)
    found: dict[str, object] = value
    return found
