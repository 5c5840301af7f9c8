"""What whoever asks how things are is told of the newest look at the predictions; it needs neither NumPy nor SciPy.

Rules
-----
- It is read from the record that the look kept, and nothing is measured for it.
- A look is about one version. Of another champion it says nothing.
"""

import datetime as dt
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.core.records import Record

QUALITY_KIND = "prediction_quality"
"""Name of the records, one folder per model."""


class QualityState(StrEnum):
    """What monitoring says of the model in production."""

    OK = "OK"
    ALARM = "ALARM"
    BLIND = "BLIND"


class Moved(Record):
    """A measure that has moved beyond the limit, by its population stability index."""

    name: str
    index: float


class LastLook(Record):
    """The newest look.

    Attributes
    ----------
    version : int
        Whose predictions were looked at.
    state, sentence : QualityState, str
        What was said.
    looked_at : datetime.datetime
        When, UTC.
    change : datetime.date, optional
        Where an alarm goes on, the first day of the week from which on the chart was above zero.
    moved : tuple of Moved
        Raw measures and predictions that have moved beyond `limit`, the farthest first.
    limit : float, optional
        The limit; `None` where nothing was measured of it.
    chart, chart_limit : float, optional
        Where the chart that alarms stood after the last week, and where it alarms; `None` without a week.
    """

    version: int
    state: QualityState
    sentence: str
    looked_at: dt.datetime
    change: dt.date | None
    moved: tuple[Moved, ...] = ()
    limit: float | None = None
    chart: float | None = None
    chart_limit: float | None = None

    def __str__(self) -> str:
        """One line."""
        return f"{self.state} on {self.looked_at.date()} (version {self.version}): {self.sentence}"


def read_look(text: str) -> LastLook:
    """The look of a record, as JSON text.

    Raises
    ------
    HomeError
        If it is none.
    """
    try:
        record = json.loads(text)
        shift = record.get("shift") or {}
        return LastLook(
            version=record["version"],
            state=record["state"],
            sentence=record["sentence"],
            looked_at=record["known_at"],
            change=record["change"],
            moved=tuple(Moved(name=moved["name"], index=moved["index"]) for moved in shift.get("moved", ())),
            limit=shift.get("limit"),
            **_read_chart(record),
        )
    except (AttributeError, KeyError, TypeError, ValueError, ValidationError) as error:
        msg = f"the newest record of {QUALITY_KIND} cannot be read ({type(error).__name__}); look at the asset's runs"
        raise HomeError(msg) from error


def _read_chart(record: Mapping[str, Any]) -> dict[str, float]:
    weeks = record.get("weeks") or []
    return {"chart": weeks[-1]["cusum"], "chart_limit": record["rule"]["cusum_limit"]} if weeks else {}
