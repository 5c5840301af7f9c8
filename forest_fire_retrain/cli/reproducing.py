"""The command that trains a recorded candidate again; it only reads."""

import typer

from forest_fire_retrain import investigate
from forest_fire_retrain.cli.console import out, print_facts, print_json
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.investigating.reproducing import Match, Reproduction
from forest_fire_retrain.settings import Settings


def print_reproduction(settings: Settings, name: str, *, as_json: bool) -> None:
    """Train a candidate again and say how near it comes to the recorded one.

    Raises
    ------
    typer.Exit
        With code 1, if it is another one.
    """
    found = investigate.reproduce(name, installation=build_installation(settings))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    if not found.is_reproduced:
        raise typer.Exit(1)


def _print(found: Reproduction) -> None:
    of_version = "not promoted" if found.version is None else f"version {found.version}"
    out.print(
        f"{found.match}: the candidate of the live decision of {found.partition_key} "
        f"(ledger row {found.ledger_row}, {of_version}), trained again.",
        markup=False,
    )
    title = "without effect" if found.match is Match.EXACT else "reason"
    for finding in found.findings:
        out.print(f"  {title}, {finding.cause}: {finding.sentence}", markup=False)
    print_facts("Compared", _describe(found))


def _describe(found: Reproduction) -> dict[str, object]:
    difference = found.largest_difference
    return {
        "training rows": f"{found.n_rows}, {_compare(found.training_hash, found.training_hash_again)}",
        "predictions": f"{found.n_holdout_rows}, {_compare(found.prediction_hash, found.prediction_hash_again)}",
        "largest difference": None if difference is None else f"{difference:.3g} (tolerance {found.tolerance:g})",
        "table versions": found.table_versions,
        "trained with": f"{found.recipe}, seed {found.seed}, {counted(found.n_threads, 'thread')}",
        "candidate": found.candidate_id,
        "decision id": found.decision_id,
    }


def _compare(recorded: str, again: str | None) -> str:
    if again is None:
        return f"recorded {recorded[:12]}, not computed again"
    return f"{recorded[:12]} as recorded" if recorded == again else f"recorded {recorded[:12]}, now {again[:12]}"
