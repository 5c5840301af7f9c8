"""Questions about production, printed: who was champion at an instant, and every reign.

Like `reading`, this imports neither pandas, SciPy, scikit-learn nor Dagster.
"""

import datetime as dt

from forest_fire_retrain.cli.console import out, print_facts, print_json, print_table
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.ledger.reigns import Reign
from forest_fire_retrain.production import (
    Facts,
    answer_champion,
    describe_beginning,
    describe_end,
    open_copy,
    read_reigns,
)
from forest_fire_retrain.settings import Settings

NOTHING_YET = "The ledger is empty: nothing was decided yet. Start with: forest-fire up"
NEVER = "No version was ever in production. See: forest-fire history --retrainings"


def print_champion(
    settings: Settings, at: str | None, as_known_at: str | None, model_name: str | None, *, as_json: bool
) -> None:
    """Who was in production at an instant, by the wall clock: one answer.

    Raises
    ------
    RefusedRequestError
        If the instants make no sense, or the ledger knows no such model.
    """
    answer = answer_champion(settings, read_clock(), at=at, as_known_at=as_known_at, model_name=model_name)
    if as_json:
        print_json(answer)
    else:
        _print_answer(answer)


def print_reigns(settings: Settings, model_name: str | None, *, as_json: bool) -> None:
    """Every reign: from, to, and why it ended.

    Raises
    ------
    RefusedRequestError
        If the ledger knows no such model.
    """
    held = read_reigns(settings, model_name)
    if as_json:
        print_json([_list_reign(reign) for reign in held])
    elif held:
        columns = ("model", "version", "from", "to", "began_by", "why_it_ended")
        rows = [(r.model_name, r.version, r.since, r.until, describe_beginning(r), describe_end(r)) for r in held]
        print_table("Reigns, oldest first", columns, rows)
    else:
        with open_copy(settings) as reigns:
            out.print(NEVER if reigns.model_names() else NOTHING_YET)


def _list_reign(reign: Reign) -> Facts:
    facts = reign._asdict()
    facts["sightings"] = [seen._asdict() for seen in reign.sightings]
    return facts


def _print_answer(answer: Facts) -> None:
    """For people: who, since when and why; then what else is to know, one line each."""
    held, instant = answer["champion"], answer["answered_for"]
    assert isinstance(instant, dt.datetime)  # noqa: S101 - as `answer_champion` made it
    title = f"{answer['model']}, in production at {instant.isoformat(timespec='seconds')} ({answer['read_as']})"
    if answer["as_known_at"] is not None:
        title += f", as known at {_shown(answer['as_known_at'])}"
    if isinstance(held, dict):
        unsaid = {"row_hash", *(key for key in ("trained_for", "ended_by") if held[key] is None)}
        print_facts(title, {key.replace("_", " "): value for key, value in held.items() if key not in unsaid})
    else:
        out.print(f"{title}: no version", markup=False)
        _print_none(answer)
    for key in ("known_then", "believed_then"):
        if answer[key] is not None:
            out.print(f"  {answer[key]}", markup=False)
    for note in _listed(answer["noted_later"]):
        out.print(f"  Row {note['row']}, recorded later: {note['sentence']}", markup=False)
    for other in _listed(answer["earlier_that_day"]):
        out.print(f"  Earlier that day: version {other['version']}, until {_shown(other['until'])}.", markup=False)


def _shown(instant: object) -> str:
    return instant.isoformat(timespec="seconds") if isinstance(instant, dt.datetime) else "now"


def _print_none(answer: Facts) -> None:
    first, retro = answer.get("first_reign_since"), answer.get("by_partition_time")
    if isinstance(first, dt.datetime):
        out.print(f"  The first reign began at {first.isoformat(timespec='seconds')}.", markup=False)
    else:
        out.print("  Nothing was promoted by then. Whoever has just begun, starts with: forest-fire up", markup=False)
    if isinstance(retro, dict):
        out.print(f"  By partition time: {retro['meaning']}.", markup=False)


def _listed(value: object) -> list[Facts]:
    assert isinstance(value, list)  # noqa: S101 - as `answer_champion` made it
    return value
