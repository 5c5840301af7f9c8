"""Have in the lake what a source has recorded, outside of a period's own run too.

What is ingested in the middle of a period is what the period's run would have ingested later: features and rows come
out the same.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.errors import ForestFireRetrainError, LedgerError
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import Intake
from forest_fire_retrain.pipeline.preparing.featuring import build_features, complete_through
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather


class LedgersConsent(NamedTuple):
    """What people accepted, as the ledger says now."""

    installation: Installation

    def to_source(self, name: str) -> bool:
        """Whether the source of this name is the one that a person accepted last in the place of another one."""
        return self._state().accepted_source == name

    def to_delivery(self, fingerprint: str) -> bool:
        """Whether a person accepted the loss of a delivery that is recognised by `fingerprint`."""
        return fingerprint in self._state().accepted_deliveries

    def _state(self) -> LedgerState:
        return self.installation.ledger.state(self.installation.settings.model_name)


def intake_of(installation: Installation) -> Intake:
    """What an ingest of this installation needs."""
    return Intake(
        installation.source,
        installation.lake,
        installation.engine,
        installation.settings.calendar,
        LedgersConsent(installation),
    )


def bring_lake_to(installation: Installation, day: dt.date) -> list[str]:
    """Have in the lake what was recorded before `day`, as an ingest for a period does; why that cannot be, if so."""
    lake, calendar = installation.lake, installation.settings.calendar
    mark = complete_through(lake)
    if mark is None or mark >= day:
        return []
    window = Interval(start=mark, end=day)
    try:
        ingest_weather(intake_of(installation), window)
        ingest_fire_reports(intake_of(installation), window)
        build_features(lake, installation.engine, window, calendar)
    except LedgerError:
        raise
    except ForestFireRetrainError as error:
        return [f"what was recorded before {day} cannot be ingested: {error}"]
    return []
