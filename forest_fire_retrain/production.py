"""Who was in production: the one answer for an instant, with its decision, its training, and what was believed then.

The command line and a notebook ask here. Nothing but the ledger's copy for readers is read, and of its rows the two at
most that the answer names.
"""

import datetime as dt
import json
from collections.abc import Sequence
from difflib import get_close_matches

from forest_fire_retrain.adapters.ledger_export import open_reigns, refuse_missing_copy
from forest_fire_retrain.adapters.reigns_file import END_OF_TIME, Excerpt, FollowedRows, ReignsFile, Span
from forest_fire_retrain.core.errors import RefusedRequestError, list_capped
from forest_fire_retrain.core.ledger.reigns import Movement, Reign, find_doubt, find_later_notes, reign_at
from forest_fire_retrain.core.ledger.state import candidate_in
from forest_fire_retrain.core.moments import Moment, read_moment
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.windows import day_of, midnight
from forest_fire_retrain.settings import Settings

MAX_NEAREST = 3
Facts = dict[str, object]
Reigns = ReignsFile | FollowedRows


def answer_champion(
    settings: Settings,
    now: dt.datetime,
    *,
    at: str | None = None,
    as_known_at: str | None = None,
    model_name: str | None = None,
) -> Facts:
    """Who was in production at an instant, by the wall clock.

    Parameters
    ----------
    settings : Settings
        Which home, model and time zone.
    now : datetime.datetime
        The present.
    at : str, optional
        The instant or day, as `read_moment` reads it; by default `as_known_at`, else `now`.
    as_known_at : str, optional
        Use no row that was recorded after it.
    model_name : str, optional
        The registered model; by default that of the settings.

    Returns
    -------
    dict
        Plain values, days and timezone-aware instants. `champion` is `None` where no version was in production;
        `by_partition_time` then names what a prediction made afterwards would use. `known_then` says what was known
        against the registry, `believed_then` and `noted_later` what was recorded only later, `earlier_that_day`
        which other reigns held in the day before.

    Raises
    ------
    RefusedRequestError
        If the instants make no sense, or the ledger knows no such model.
    LedgerError
        If the ledger's copy cannot be read.
    """
    known = None if as_known_at is None else read_moment(as_known_at, settings.time_zone, now)
    asked = known if at is None else read_moment(at, settings.time_zone, now)
    name = settings.model_name if model_name is None else model_name
    with open_copy(settings) as reigns:
        found = _answer(reigns, name, asked, known, settings.time_zone)
        if found["champion"] is None:
            refuse_unknown_model(name, reigns.model_names())
    return {
        "model": name,
        "asked": at,
        "answered_for": now if asked is None else asked.instant,
        "read_as": "now" if asked is None else asked.reading,
        "as_known_at": None if known is None else known.instant,
        **found,
    }


def _answer(reigns: Reigns, name: str, asked: Moment | None, known: Moment | None, time_zone: str) -> Facts:
    instant = END_OF_TIME if asked is None else asked.instant
    known_at = None if known is None else known.instant
    span = None if asked is None or asked.day is None else _span_of(asked.day, time_zone)
    near = reigns.around(name, instant, known_at, span)
    held = reign_at(near, instant, known_at)
    notes = find_later_notes(near, held, instant, known_at)
    doubt = None if held is None else find_doubt(held, min(instant, known_at or instant))
    earlier = [] if span is None else [reign for reign in near if _held_in(reign, span) and not _is_same(reign, held)]
    return {
        "champion": None if held is None else _describe_reign(reigns, held, known_at),
        "known_then": None if doubt is None else doubt.sentence,
        "believed_then": None if not notes else _believe(held),
        "noted_later": [note._asdict() for note in notes],
        "earlier_that_day": [_shorten(reign, known_at) for reign in earlier],
        **_explain_none(reigns, name, None if held or asked is None else day_of(instant, time_zone), known_at),
    }


def _span_of(day: dt.date, time_zone: str) -> Span:
    return Span(midnight(day, time_zone), midnight(day + dt.timedelta(days=1), time_zone))


def _held_in(reign: Reign, span: Span) -> bool:
    return max(reign.since, span.first) < (span.end if reign.until is None else min(reign.until, span.end))


def _is_same(reign: Reign, held: Reign | None) -> bool:
    return held is not None and reign.confirmation_row == held.confirmation_row


def _believe(held: Reign | None) -> str:
    who = "no version was in production" if held is None else f"version {held.version} was in production"
    return f"By the rows recorded by then {who}; what is noted below was recorded only later."


def _shorten(reign: Reign, known_at: dt.datetime | None) -> Facts:
    known = reign if known_at is None else reign.as_known_at(known_at)
    return {"version": known.version, "since": known.since, "until": known.until, "began_by": str(known.began_by)}


def _explain_none(reigns: Reigns, name: str, day: dt.date | None, known_at: dt.datetime | None) -> Facts:
    """Of a day without a champion: when the first reign began, and what a prediction made afterwards would take."""
    if day is None:
        return {"first_reign_since": None, "by_partition_time": None}
    first, retro = reigns.first(name, known_at), reigns.by_partition_time(name, day, known_at)
    meaning = (
        None
        if retro is None
        else f"version {retro.version} was not in production; it is what a prediction of {day} that is made afterwards "
        "(retro) would use, by the period it was decided for"
    )
    return {
        "first_reign_since": None if first is None else first.since,
        "by_partition_time": None
        if retro is None
        else {"version": retro.version, "decision_id": retro.decision_id, "meaning": meaning},
    }


def _describe_reign(reigns: Reigns, reign: Reign, known_at: dt.datetime | None) -> Facts:
    intent = reigns.read_excerpt(reign.intent_row, known_at)
    is_own = reign.origin_row == reign.intent_row
    origin = intent if is_own else None if reign.origin_row is None else reigns.read_excerpt(reign.origin_row, known_at)
    rows = (reign.origin_row, reign.intent_row, reign.confirmation_row)
    candidate = None if origin is None else candidate_in(json.loads(origin.payload_json))
    return {
        "version": reign.version,
        "since": reign.since,
        "until": reign.until,
        "began_by": str(reign.began_by),
        "ended_by": describe_end(reign),
        "decision": _sentence(intent),
        "trained_for": None if is_own else _sentence(origin),
        "partition": None if origin is None else origin.partition_key,
        "decision_id": reign.decision_id,
        **({} if candidate is None else _describe_candidate(candidate)),
        "ledger_rows": list(dict.fromkeys(row for row in rows if row is not None)),
        "row_hash": None if intent is None else intent.entry_hash,
    }


def _sentence(entry: Excerpt | None) -> str | None:
    return None if entry is None else entry.summary


def _describe_candidate(candidate: Candidate) -> Facts:
    return {
        "candidate": candidate.candidate_id,
        "trained_on": candidate.windows.training.first_to_last,
        "training_rows": candidate.n_rows,
        "training_fires": candidate.n_fires,
        "training_hash": candidate.training_hash,
        "recipe": candidate.recipe.model_dump(mode="json"),
        "table_versions": candidate.snapshot.table_versions,
        "artifact_sha256": candidate.stored.artifact_sha256,
        "code_version": candidate.environment.code_version,
        "mlflow_run": candidate.stored.mlflow_run_id,
    }


def open_copy(settings: Settings) -> Reigns:
    """The reigns in the ledger's copy for readers; of an empty home there are none.

    Raises
    ------
    LedgerError
        If there is a ledger and no copy of it, or the copy cannot be read.
    """
    refuse_missing_copy(settings.ledger_file, settings.export_folder)
    return open_reigns(settings.export_folder)


def read_reigns(settings: Settings, model_name: str | None) -> list[Reign]:
    """Every reign, of one model or of all, by model and time; none where the ledger is empty.

    Raises
    ------
    RefusedRequestError
        If the ledger has rows, and none of this model.
    LedgerError
        If the ledger's copy is missing or cannot be read.
    """
    with open_copy(settings) as reigns:
        held = reigns.read_all(model_name)
        if model_name is not None and not held:
            refuse_unknown_model(model_name, reigns.model_names())
    return held


def describe_end(reign: Reign) -> str | None:
    """Why a reign ended: `promotion of version 3 (SUPERIOR)`, `rollback to version 1: missed two fires`."""
    if reign.ended_by is None:
        return None
    if reign.ended_by is Movement.ROLLBACK:
        return f"rollback to version {reign.next_version}: {reign.why_ended}"
    return f"promotion of version {reign.next_version} ({reign.why_ended})"


def refuse_unknown_model(name: str, known: Sequence[str], setting: str | None = None) -> None:
    """Refuse a model's name that no row is about, with the nearest ones; an empty ledger refuses nothing.

    Parameters
    ----------
    name : str
        The name, typed or, where `setting` names one, set.
    known : sequence of str
        The names that the ledger has rows of.
    setting : str, optional
        The variable to correct.

    Raises
    ------
    RefusedRequestError
        If the ledger has rows, and none of this model.
    """
    if not known or name in known:
        return
    near = get_close_matches(name, known, MAX_NEAREST, cutoff=0.4) or known
    correct = "" if setting is None else f". Correct {setting}"
    msg = f"the ledger knows no model {name!r}; nearest: {list_capped(near)}{correct}"
    raise RefusedRequestError(msg)


def describe_beginning(reign: Reign) -> str:
    """How a reign began: `promotion (SUPERIOR)`, `rollback: missed two fires`."""
    return f"rollback: {reign.why}" if reign.began_by is Movement.ROLLBACK else f"promotion ({reign.why})"
