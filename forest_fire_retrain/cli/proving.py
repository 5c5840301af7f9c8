"""Commands that prove something to somebody outside: the witness, evidence packs."""

import sys
from pathlib import Path

from forest_fire_retrain import operations
from forest_fire_retrain.adapters.kept_files import read_text
from forest_fire_retrain.cli.console import out, print_json
from forest_fire_retrain.core.ledger.checkpoints import read_notes
from forest_fire_retrain.installation import build_ledger
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
    done = operations.witness(build_ledger(settings), append_to=append_to)
    checkpoint = read_notes(done.note)[0].checkpoint
    if as_json:
        facts = {"origin": checkpoint.origin, "rows": checkpoint.size, "root": checkpoint.root.hex()}
        print_json({**facts, "checkpoint": done.note, "public_key": done.public_key, "appended": done.is_appended})
    elif append_to is None:
        out.print(done.note, end="", markup=False)
        print(f"The public key to keep with it: {done.public_key}", file=sys.stderr)  # noqa: T201 - beside the note
    else:
        what = "is appended to" if done.is_appended else "stands already at the end of"
        out.print(f"The checkpoint of {checkpoint} {what} {append_to}.", markup=False)
        out.print(f"The public key to keep with it: {done.public_key}", markup=False)


def read_kept_file(path: Path) -> str:
    """The text of a file that a person kept, or of standard input.

    Raises
    ------
    ProofError
        If it cannot be read.
    """
    return sys.stdin.read() if path == STANDARD_INPUT else read_text(path)


def read_public_key(path: Path | None) -> str | None:
    """The line of a public key that a person kept.

    Raises
    ------
    ProofError
        If it cannot be read.
    """
    return None if path is None else read_text(path).strip()
