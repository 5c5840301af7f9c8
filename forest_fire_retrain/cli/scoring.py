"""`forest-fire score`: what a version says of any table of features."""

from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from forest_fire_retrain.adapters.row_files import RowFiles, open_rows
from forest_fire_retrain.cli.console import out, print_json
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.model_access import get_model
from forest_fire_retrain.scoring import Scored, score_rows, score_rows_on_spark
from forest_fire_retrain.settings import Settings


def score_files(
    settings: Settings, source: str, target: Path, version: int | None, *, on_spark: bool, as_json: bool
) -> None:
    """Score the rows of `source` with a version, by default the champion, and say what was written.

    Raises
    ------
    ForestFireRetrainError
        If the model cannot be proved, or the rows cannot be read or scored; then nothing is left at `target`.
    """
    served, rows = get_model(version=version, settings=settings), open_rows(source)
    if on_spark:
        scored = score_rows_on_spark(served, rows, target, read_clock(), settings.spark)
    else:
        scored = _score_here(served, rows, target, is_shown=not as_json and out.is_terminal)
    if as_json:
        print_json({**scored._asdict(), "input": rows.where, "output": str(target)})
        return
    out.print(
        f"{counted(scored.n_rows, 'row')} of {rows.where} scored by version {scored.version} of {scored.model_name} "
        f"(SHA-256 {scored.artifact_sha256[:12]}), in {target}."
    )


def _score_here(served: ServedModel, rows: RowFiles, target: Path, *, is_shown: bool) -> Scored:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, disable=not is_shown) as bars:
        task = bars.add_task("rows", total=rows.n_rows)
        return score_rows(served, rows, target, read_clock(), lambda n_done: bars.update(task, completed=n_done))
