"""The thresholds of monitoring, with the defaults of the study in `docs/monitoring.md`; stored with every alarm."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MONITOR_VERSION = "1"

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class ActiveMode(StrEnum):
    """What monitoring does by itself."""

    OFF = "off"
    ALERT = "alert"
    RETRAIN = "retrain"


class MonitorRule(BaseModel):
    """When monitoring raises an alarm, and when it says that it cannot know.

    Attributes
    ----------
    version : str
        Version of the logic.
    cusum_allowance, cusum_limit : float
        Standard deviations of a week that the chart forgives each week, and where it alarms.
    detector_limit : float
        Logarithm of the e-detector at which it would alarm; it is reported beside the chart.
    overdispersion : float
        Excess variance of the count of fires, var = E + overdispersion E².
    blind_days : int
        Due days that are asked for their reports.
    blind_share : float
        Of the expected fires of these days, the share below which reports may be missing.
    blind_chance : float
        Chance of so few reports, if all arrived, below which they are missing.
    shift_days : int
        Newest days that are held against the champion's training.
    shift_limit : float
        Population stability index of a measure beyond which it is told to have moved.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = MONITOR_VERSION
    cusum_allowance: Annotated[float, Field(ge=0)] = 0.5
    cusum_limit: Positive = 5.0
    detector_limit: Positive = 5.3
    overdispersion: Positive = 0.1
    blind_days: Count = 28
    blind_share: Share = 0.8
    blind_chance: Share = 0.01
    shift_days: Count = 182
    shift_limit: Positive = 0.5
