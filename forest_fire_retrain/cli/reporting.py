"""`forest-fire report`: a season as one page, from the ledger's lock-free copy."""

from pathlib import Path

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.cli.console import out
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import HomeError, RefusedRequestError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.season import look_back_on
from forest_fire_retrain.core.ledger.season_page import render_season
from forest_fire_retrain.outgoing import cleared
from forest_fire_retrain.settings import Settings


def write_report(settings: Settings, year: int | None, html: Path) -> None:
    """Write the page of a season, or of the whole ledger.

    Raises
    ------
    RefusedRequestError
        If nothing was decided in the season.
    HomeError
        If the page cannot be written.
    """
    entries = read_export(settings.export_folder)
    season = look_back_on(entries, settings.model_name, year, settings.time_zone)
    if not season.decided:
        keys = {str(row.partition_key)[:4] for row in entries if row.kind is EntryKind.DECISION}
        known = f"there are decisions of {', '.join(sorted(keys))}" if keys else "nothing was decided yet"
        msg = f"no page was written: nothing was decided in {season.name}; {known}. See: forest-fire history"
        raise RefusedRequestError(msg)
    try:
        with written_beside(html) as beside:
            beside.write_text(cleared(render_season(season)), encoding="utf-8", newline="")
    except OSError as error:
        msg = f"the page {html} cannot be written: {error}. Choose another place, then run the same command again"
        raise HomeError(msg) from error
    out.print(f"{html}: {counted(len(season.decided), 'decision')} of {season.name}", markup=False)
