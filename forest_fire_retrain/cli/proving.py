"""Commands that prove something to somebody outside: the witness, evidence packs."""

import sys
from pathlib import Path

import typer

from forest_fire_retrain import proofs
from forest_fire_retrain.adapters.kept_files import read_text
from forest_fire_retrain.cli.console import out, print_json
from forest_fire_retrain.cli.speech import note
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.checkpoints import read_keys, read_notes
from forest_fire_retrain.core.ledger.evidence_check import Report
from forest_fire_retrain.installation import build_installation, build_ledger
from forest_fire_retrain.pipeline.custody.witnessing import read_kept
from forest_fire_retrain.settings import Settings

STANDARD_INPUT = Path("-")


def bear_witness(settings: Settings, append_to: Path | None, key: Path | None, *, as_json: bool) -> None:
    """Print the signed checkpoint, or append it to a file.

    Raises
    ------
    ForestFireRetrainError
        If nothing was signed, or it could not be written.
    """
    if key is not None:
        settings = settings.model_copy(update={"witness_key": key.expanduser().resolve()})
    done = proofs.witness(build_ledger(settings), append_to=append_to, now=read_clock())
    checkpoint = read_notes(done.note)[0].checkpoint
    if as_json:
        facts = {"origin": checkpoint.origin, "rows": checkpoint.size, "root": checkpoint.root.hex()}
        print_json({**facts, "checkpoint": done.note, "public_key": done.public_key, "appended": done.is_appended})
    elif append_to is None:
        out.print_lines(done.note, end="")
        note(f"The public key to keep with it: {done.public_key}")
    else:
        what = "is appended to" if done.is_appended else "stands already at the end of"
        out.print(f"The checkpoint of {checkpoint} {what} {append_to}.", markup=False)
        out.print(f"The public key to keep with it: {done.public_key}", markup=False)


def make_evidence(
    settings: Settings, partition: str, target: Path, against: Path | None, *, is_replaced: bool, as_json: bool
) -> None:
    """Write the evidence pack of a period.

    Raises
    ------
    ForestFireRetrainError
        If there is nothing to prove, something is wrong with it, or it cannot be written.
    """
    from forest_fire_retrain import investigate  # noqa: PLC0415 - imports scikit-learn, which no check needs

    n_files = investigate.evidence(
        partition,
        target,
        kept=None if against is None else read_kept_file(against),
        is_replaced=is_replaced,
        installation=build_installation(settings),
    )
    if as_json:
        print_json({"pack": str(target), "partition": partition, "files": n_files})
    else:
        out.print(f"The evidence on {partition} is in {target}, {n_files} files.", markup=False)
        out.print("Whoever gets it checks it with: forest-fire evidence --check FILE", markup=False)


def check_evidence(pack: Path, against: Path | None, key: Path | None, *, as_json: bool) -> None:
    """Say what a pack proves and what it does not; nothing of an installation is read.

    Raises
    ------
    typer.Exit
        With code 1, if anything in it is not as it should be.
    """
    kept = None if against is None else read_kept_file(against)
    report = proofs.check_evidence(pack, kept=kept, public_key=read_public_key(key))
    if as_json:
        findings = [finding._asdict() for finding in report.findings]
        print_json(
            {
                "subject": report.subject,
                "holds": report.holds,
                "is_wrong": report.is_wrong,
                "findings": findings,
                "not_proved": list(report.not_proved),
            }
        )
    else:
        _print_report(report)
    if not report.holds:
        raise typer.Exit(1)


def _print_report(report: Report) -> None:
    out.print(f"Evidence on {report.subject}", markup=False)
    for finding in report.findings:
        verdict = "proved" if finding.holds else "open" if finding.is_open else "WRONG"
        out.print(f"  {verdict:<6}  {finding.sentence}", markup=False)
    if report.is_wrong:
        out.print("Something in it is wrong: nothing of it can be believed.", markup=False)
        return
    out.print("It does not prove:", markup=False)
    for sentence in report.not_proved:
        out.print(f"  - {sentence}", markup=False)


def read_kept_file(path: Path) -> str:
    """The text of a file that a person kept, or of standard input; there is a checkpoint in it.

    Raises
    ------
    ProofError
        If it cannot be read, or holds none.
    """
    written = _read_standard_input() if path == STANDARD_INPUT else read_text(path)
    try:
        read_kept(written)
    except ProofError as error:
        msg = f"--against {path}: {error}"
        raise ProofError(msg) from error
    return written


def _read_standard_input() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        msg = "what comes by standard input is no text in UTF-8, and thus no checkpoint"
        raise ProofError(msg) from error


def read_public_key(path: Path | None) -> str | None:
    """The lines of the public keys that a person kept.

    Raises
    ------
    ProofError
        If they cannot be read, or are none.
    """
    if path is None:
        return None
    written = read_text(path)
    try:
        read_keys(written)
    except ProofError as error:
        msg = f"--key {path}: {error}"
        raise ProofError(msg) from error
    return written
