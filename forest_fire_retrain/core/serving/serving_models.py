"""Which version scores a day: the champion of the moment, or the champion of then.

Rules
-----
- Live: the reign that holds at the instant of scoring, by the wall clock of production.
- Retro: the reign that held at the day's hour of prediction. Where none held, as in a history that was worked through
  later, the newest one by partition time: of the last promotion with `as_of` on the day or before.
- A model that was trained on the day, or on a later one, never scores it.
"""

import datetime as dt

from forest_fire_retrain.core.ledger.state import LedgerState, Reign
from forest_fire_retrain.core.serving.scored_days import ServingModel


def serve_live(state: LedgerState, model_name: str, instant: dt.datetime) -> ServingModel | None:
    """The champion at `instant`; `None` without one."""
    return _serving(state, model_name, state.champion_on(instant))


def serve_past_day(state: LedgerState, model_name: str, day: dt.date, hour_of_day: dt.datetime) -> ServingModel | None:
    """The champion of then; `None` if there was none that may score the day.

    Parameters
    ----------
    state : LedgerState
        All reigns.
    model_name : str
        Their model.
    day : datetime.date
        The day to predict for.
    hour_of_day : datetime.datetime
        The instant, UTC, at which it would have been predicted.
    """
    by_clock = state.champion_on(hour_of_day)
    by_period = (r for r in reversed(state.reigns) if r.as_of is not None and r.as_of <= day)
    for reign in (*([] if by_clock is None else [by_clock]), *by_period):
        serving = _serving(state, model_name, reign)
        if serving is not None and serving.candidate.windows.training.end <= day:
            return serving
    return None


def _serving(state: LedgerState, model_name: str, reign: Reign | None) -> ServingModel | None:
    candidate = None if reign is None else state.candidates.get(reign.version)
    return None if reign is None or candidate is None else ServingModel(model_name, reign.version, candidate)
