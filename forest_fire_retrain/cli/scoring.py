"""`forest-fire score`: what a version says of any table of features."""

from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from forest_fire_retrain.adapters.row_files import open_rows
from forest_fire_retrain.cli.console import out, print_json
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.model_access import get_model
from forest_fire_retrain.scoring import score_rows
from forest_fire_retrain.settings import Settings


def score_files(settings: Settings, source: str, target: Path, version: int | None, *, as_json: bool) -> None:
    """Score the rows of `source` with a version, by default the champion, and say what was written.

    Raises
    ------
    ForestFireRetrainError
        If the model cannot be proved, or the rows cannot be read or scored; then nothing is left at `target`.
    """
    served, rows = get_model(version=version, settings=settings), open_rows(source)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, disable=as_json or not out.is_terminal) as bars:
        task = bars.add_task("rows", total=rows.n_rows)
        scored = score_rows(served, rows, target, read_clock(), lambda n_done: bars.update(task, completed=n_done))
    if as_json:
        print_json({**scored._asdict(), "input": rows.where, "output": str(target)})
        return
    out.print(
        f"{counted(scored.n_rows, 'row')} of {rows.where} scored by version {scored.version} of {scored.model_name} "
        f"(SHA-256 {scored.artifact_sha256[:12]}), in {target}."
    )
