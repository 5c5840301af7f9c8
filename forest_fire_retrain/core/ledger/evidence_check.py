"""Check an evidence pack with nothing else at hand, and say what it proves and what it does not.

Rules
-----
- Everything is recomputed: hashes of files and rows, the way of each row to the root, signatures, pages, the decision.
- A pack is no proof of more than is said. What its maker could have made up is named among what it does not prove.
- A pack that cannot be read is one that proves nothing, and no error.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.checkpoints import (
    SIGNATURE_LINE,
    Checkpoint,
    PublicKey,
    SignedNote,
    is_signed_by,
    is_signed_by_any,
    read_notes,
)
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, is_sealed
from forest_fire_retrain.core.ledger.evidence_pack import (
    ATTACHMENT,
    ATTACHMENTS,
    CHECKPOINT,
    CONSISTENCY,
    FORMAT,
    INDEX,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    Subject,
    find_subject,
    fingerprint,
    page_file,
    proof_file,
    read_json,
    row_file,
    take_out,
)
from forest_fire_retrain.core.ledger.merkle import is_consistent, is_included
from forest_fire_retrain.core.ledger.ports import IsSigned
from forest_fire_retrain.core.ledger.recomputation import is_same, recompute
from forest_fire_retrain.core.ledger.witnessing import REPLACED_KEY, Finding, describe_foreign

Files = Mapping[str, bytes]
PROOF_BETWEEN_HEADS = re.compile(rf"{CONSISTENCY}[0-9]{{6,}}\.json")


class Report(NamedTuple):
    """What came of a check.

    Attributes
    ----------
    subject : str
        What the pack says it is about.
    findings : tuple of Finding
        What was looked at, in its order.
    not_proved : tuple of str
        What the pack cannot prove, sound as it may be.
    """

    subject: str
    findings: tuple[Finding, ...]
    not_proved: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything that was looked at is proved."""
        return bool(self.findings) and all(finding.holds for finding in self.findings)

    @property
    def is_wrong(self) -> bool:
        """Whether anything is not as it should be, so that nothing of the pack can be believed."""
        return any(not finding.holds and not finding.is_open for finding in self.findings)


class _Pack(NamedTuple):
    """A pack, read; nothing of it is believed yet."""

    files: Files
    manifest: Mapping[str, object]
    key: PublicKey
    note: SignedNote
    checkpoint: Checkpoint
    subject: Subject

    @property
    def about(self) -> str:
        return f"period {self.manifest.get('partition_key')} of {self.manifest.get('model_name')}"


def check_pack(
    files: Files, is_signed: IsSigned, *, trusted: Sequence[PublicKey] = (), kept: Sequence[SignedNote] = ()
) -> Report:
    """Check everything that a pack says.

    Parameters
    ----------
    files : mapping
        Name to content.
    is_signed : callable
        The signature algorithm.
    trusted : sequence of PublicKey
        The keys that are known from elsewhere, several where a key was replaced; none by default.
    kept : sequence of SignedNote
        Checkpoints that somebody kept outside, signed by a trusted key, or by that of the pack where none is given.
    """
    try:
        pack = _read(files)
    except ProofError as error:
        return Report("nothing that could be read", (Finding(holds=False, sentence=str(error)),), ())
    findings = [
        *_check_files(pack),
        *_guard(_check_names, pack),
        *_check_signatures(pack, is_signed, trusted),
        *_guard(_check_rows, pack),
        *_guard(_check_parts, pack),
        *_guard(_check_pages, pack),
        *_guard(_check_decision, pack),
        *(_guard(lambda held: [_compare(held, note, trusted or [held.key], is_signed) for note in kept], pack)),
    ]
    return Report(pack.about, tuple(findings), tuple(_list_not_proved(pack, trusted, kept)))


def _read(files: Files) -> _Pack:
    manifest = read_json(files, MANIFEST)
    if manifest.get("format") != FORMAT:
        msg = f"{MANIFEST} is of format {manifest.get('format')}, this release reads {FORMAT}: use a newer one"
        raise ProofError(msg)
    try:
        key = PublicKey.read(files[PUBLIC_KEY].decode())
        (note,) = read_notes(files[CHECKPOINT].decode())
    except (KeyError, ValueError) as error:
        msg = f"{PUBLIC_KEY} or {CHECKPOINT} is missing or none"
        raise ProofError(msg) from error
    if f"{key}\n".encode() != files[PUBLIC_KEY] or str(note).encode() != files[CHECKPOINT]:
        msg = f"{PUBLIC_KEY} or {CHECKPOINT} is not as it was written"
        raise ProofError(msg)
    return _Pack(files, manifest, key, note, note.checkpoint, _read_subject(files, manifest))


def _read_subject(files: Files, manifest: Mapping[str, object]) -> Subject:
    roles = manifest.get("rows")
    parts = []
    for name in Subject._fields:
        numbers = roles.get(name) if isinstance(roles, dict) else None
        if not isinstance(numbers, list) or not all(type(number) is int and number > 0 for number in numbers):
            msg = f"{MANIFEST} does not say which rows are in the pack"
            raise ProofError(msg)
        parts.append(tuple(_read_row(files, number) for number in numbers))
    return Subject(*parts)


def _read_row(files: Files, number: int) -> LedgerEntry:
    try:
        entry = LedgerEntry.model_validate(read_json(files, row_file(number)))
        is_row = isinstance(entry.payload, dict)
    except (ValueError, RecursionError) as error:  # pydantic's and JSON's
        msg = f"{row_file(number)} holds no row of a ledger"
        raise ProofError(msg) from error
    if entry.sequence != number or not is_row:
        msg = f"{row_file(number)} holds row {entry.sequence}, or none"
        raise ProofError(msg)
    return entry


def _guard(check: Callable[[_Pack], Sequence[Finding]], pack: _Pack) -> list[Finding]:
    try:
        return list(check(pack))
    except ProofError as error:
        return [Finding(holds=False, sentence=str(error))]
    except (ValueError, LookupError, ArithmeticError, RecursionError) as error:  # what no ledger ever wrote
        return [Finding(holds=False, sentence=f"the rows hold what cannot be read: {type(error).__name__}")]


def _sum_up(faults: Sequence[str], sound: str) -> list[Finding]:
    """One finding that all is sound, or one per fault."""
    return [Finding(holds=False, sentence=fault) for fault in faults] or [Finding(holds=True, sentence=sound)]


def _check_files(pack: _Pack) -> list[Finding]:
    listed = pack.manifest.get("files")
    wanted = listed if isinstance(listed, dict) else {}
    held = {name: fingerprint(content) for name, content in pack.files.items() if name not in (MANIFEST, SIGNATURE)}
    faults = [
        *(f"{name} is in the list and not in the pack" for name in sorted(wanted.keys() - held.keys())),
        *(f"{name} is in the pack and not in its list" for name in sorted(held.keys() - wanted.keys())),
        *(f"{name} was changed" for name in sorted(held.keys() & wanted.keys()) if held[name] != wanted[name]),
    ]
    return _sum_up(faults, f"All {len(held)} files are those of the list, unchanged.")


def _check_names(pack: _Pack) -> list[Finding]:
    """Files that no pack has: nothing looks at them, so that whoever reads them would believe the pack's maker."""
    rows = pack.subject.rows
    known = {MANIFEST, SIGNATURE, CHECKPOINT, PUBLIC_KEY, INDEX, *take_out(pack.subject)}
    known |= {name(row.sequence) for row in rows for name in (row_file, proof_file)}
    foreign = [name for name in sorted(pack.files.keys() - known) if not _is_plain(name)]
    return [Finding(holds=False, sentence=f"{name} belongs to no evidence pack") for name in foreign]


def _is_plain(name: str) -> bool:
    """Whether a file may be in a pack beside those that its rows ask for; pages are looked at by `_check_pages`."""
    if name.startswith(ATTACHMENTS):
        return ATTACHMENT.fullmatch(name.removeprefix(ATTACHMENTS)) is not None
    return name.startswith("pages/") or PROOF_BETWEEN_HEADS.fullmatch(name) is not None


def _check_signatures(pack: _Pack, is_signed: IsSigned, trusted: Sequence[PublicKey]) -> list[Finding]:
    key, origin, line = pack.key, pack.checkpoint.origin, pack.files.get(SIGNATURE, b"").decode(errors="replace")
    found = SIGNATURE_LINE.fullmatch(line)
    manifest = SignedNote(pack.files[MANIFEST].decode(), (line,))
    faults = []
    if trusted and key.key not in {one.key for one in trusted}:
        known = ", ".join(map(str, trusted))
        faults.append(f"the pack is signed by the key {key}, not by the trusted one, {known}")
    if key.name != origin or found is None or found["name"] != origin:
        faults.append("key, checkpoint and signature are not of the same ledger")
    if found is None or not is_signed_by(manifest, key.key, is_signed):
        faults.append(f"{SIGNATURE} is not the signature of {PUBLIC_KEY} over the list of files")
    if len(pack.note.signatures) != 1 or not is_signed_by(pack.note, key.key, is_signed):
        faults.append(describe_foreign(pack.note, pack.checkpoint, [key.key]))
    whose = "the trusted key" if trusted else "the key in the pack"
    return _sum_up(faults, f"The list and the checkpoint of {pack.checkpoint} are signed by {whose}: {key}")


def _check_rows(pack: _Pack) -> list[Finding]:
    faults = [fault for entry in pack.subject.rows for fault in _find_row_faults(pack, entry)]
    partition_key, model_name = _named(pack)
    own = [entry for entry in pack.subject.rows if entry.model_name == model_name]
    if find_subject(own, str(partition_key)) != pack.subject:
        faults.append(f"{MANIFEST} gives its rows other parts in the decision than they have")
    numbers = ", ".join(str(entry.sequence) for entry in pack.subject.rows)
    return _sum_up(
        faults,
        f"The rows {numbers} have the hashes of their content, and stand at these places of the checkpoint's ledger.",
    )


def _find_row_faults(pack: _Pack, entry: LedgerEntry) -> Iterator[str]:
    checkpoint, named = pack.checkpoint, f"row {entry.sequence}"
    if not is_sealed(entry):
        yield f"{named}: its content does not match its hash: the row was edited"
    proof = read_json(pack.files, proof_file(entry.sequence))
    if (proof.get("index"), proof.get("size")) != (entry.sequence - 1, checkpoint.size):
        yield f"{named}: its proof is of another place or another checkpoint"
    hashes = read_hashes(proof)
    if not is_included(_unhex(entry.entry_hash), entry.sequence - 1, checkpoint.size, hashes, checkpoint.root):
        yield f"{named}: is not in the ledger of the checkpoint"
    if entry in pack.subject.own and (entry.partition_key, entry.model_name) != _named(pack):
        yield f"{named}: is of another period or model than the pack says"


def _named(pack: _Pack) -> tuple[object, object]:
    return pack.manifest.get("partition_key"), pack.manifest.get("model_name")


def read_hashes(proof: Mapping[str, object]) -> list[bytes]:
    """The hashes of a proof's file; what is none is empty, and proves nothing."""
    hashes = proof.get("hashes")
    return [_unhex(part) for part in hashes] if isinstance(hashes, list) else [b""]


def _unhex(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""


def _check_parts(pack: _Pack) -> list[Finding]:
    parts = take_out(pack.subject)
    faults = [f"{name} says something else than the rows" for name in parts if pack.files.get(name) != parts[name]]
    sound = f"{', '.join(parts)} say what the rows say." if parts else "The pack holds no live decision, only replays."
    return _sum_up(faults, sound)


def _check_pages(pack: _Pack) -> list[Finding]:
    decided = [
        row for row in pack.subject.own if row.kind in (EntryKind.DECISION, EntryKind.SHADOW_VERDICT, EntryKind.REPLAY)
    ]
    wanted = {page_file(row.sequence): row.payload.get("page_sha256") for row in decided}
    hashes = {name: digest for name, digest in wanted.items() if digest is not None}
    faults = [
        f"{name} is not the page of its row as it was when the decision fell"
        for name, digest in hashes.items()
        if name not in pack.files or fingerprint(pack.files[name]) != digest
    ]
    faults += [
        f"{name} is the page of no row" for name in pack.files if name.startswith("pages/") and name not in hashes
    ]
    if not hashes:
        return _sum_up(faults, "The rows are older than the pages of decisions: there is none to compare.")
    return _sum_up(faults, f"{', '.join(hashes)}: what was shown when the decision fell, to the byte.")


def _check_decision(pack: _Pack) -> list[Finding]:
    """Of the period's decision, and of the verdict on its shadow time, if there was one."""
    decision = pack.subject.decision
    if decision is None:
        return []
    verdicts = [entry for entry in pack.subject.own if entry.kind is EntryKind.SHADOW_VERDICT]
    return [
        *_take_again(pack, decision, "decision"),
        *(finding for entry in verdicts for finding in _take_again(pack, entry, "shadow verdict", decision)),
    ]


def _take_again(pack: _Pack, entry: LedgerEntry, what: str, *before: LedgerEntry) -> list[Finding]:
    named = f"the {what} of {entry.partition_key} in row {entry.sequence}"
    try:
        payload = read_payload(entry)
        again = recompute(payload, {str(row.partition_key): row for row in (*pack.subject.evidence, *before)})
    except (ValidationError, KeyError):
        return [Finding(holds=False, sentence=f"{named} cannot be taken again from the rows in the pack")]
    if (entry.outcome, entry.reason_code) != (again.outcome, again.reason_code) or not is_same(
        payload.decision, again, payload.rule.version
    ):
        return [Finding(holds=False, sentence=f"{named} does not follow from the rows in the pack")]
    return [
        Finding(holds=True, sentence=f"Taken again from these rows, {named} is {again.outcome} {again.reason_code}.")
    ]


def _compare(pack: _Pack, note: SignedNote, signers: Sequence[PublicKey], is_signed: IsSigned) -> Finding:
    """Whether the pack's checkpoint continues one that was kept outside."""
    old, new = note.checkpoint, pack.checkpoint
    said = f"the checkpoint of {old} that was kept"
    keys = [signer.key for signer in signers]
    if not is_signed_by_any(note, keys, is_signed):
        what = f"{describe_foreign(note, old, keys)}. {REPLACED_KEY}"
        return Finding(holds=False, sentence=what, is_foreign=True)
    if old.size and old.origin != new.origin:
        return Finding(holds=False, sentence=f"{said} is of another ledger than the pack's, {new.origin}")
    if old.size > new.size:
        what = (
            f"{said} is younger than the pack's of {counted(new.size, 'row')}, and the pack alone cannot say whether "
            f"it continues that. Where the ledger is: forest-fire verify --against, with the pack's {CHECKPOINT}"
        )
        return Finding(holds=False, sentence=what, is_open=True)
    hashes = [] if old.size == new.size else _find_consistency(pack, note)
    if hashes is None:
        what = f"the pack holds no proof for {said}. Ask for one that was made with --against it"
        return Finding(holds=False, sentence=what, is_open=True)
    if not is_consistent(old.size, old.root, new.size, new.root, hashes):
        what = f"the ledger of the pack does not continue {said}: rows were edited, removed or replaced"
        return Finding(holds=False, sentence=what)
    return Finding(holds=True, sentence=f"The ledger of the pack continues {said}: its {old.size} rows are unchanged.")


def _find_consistency(pack: _Pack, note: SignedNote) -> list[bytes] | None:
    """The proof in the pack that its ledger continues a checkpoint, if there is one."""
    proofs = [read_json(pack.files, name) for name in sorted(pack.files) if name.startswith(CONSISTENCY)]
    return next((read_hashes(proof) for proof in proofs if proof.get("checkpoint") == note.text), None)


def _list_not_proved(pack: _Pack, trusted: Sequence[PublicKey], kept: Sequence[SignedNote]) -> Iterator[str]:
    if not kept:
        yield (
            "That the ledger was not rewritten before the pack was made: for that hold it against a checkpoint that "
            "was kept outside before (--against)."
        )
    else:
        oldest = min(note.checkpoint.size for note in kept)
        later = [str(entry.sequence) for entry in pack.subject.own if entry.sequence > oldest]
        if later:
            yield (
                f"Since when the rows {', '.join(later)} are in the ledger: they are younger than the oldest "
                "checkpoint that was kept."
            )
    if not trusted and not kept:
        yield f"Whose the key is: compare {pack.key} with what its owner published (--key)."
    yield "That the figures are true: it proves what was recorded, not that weather and fire reports were right."
    yield "When rows were written: their times are those of the machine; a checkpoint kept outside bounds them."
    yield "That these are all rows of the period: the pack holds those that its maker took from the ledger."
    attached = [name for name in sorted(pack.files) if name.startswith(ATTACHMENTS)]
    yield f"Anything in {', '.join([INDEX, *attached])}: the pack's maker signed it, and no row vouches for it."
