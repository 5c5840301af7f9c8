"""What can be set of the simulated park; pydantic only, so that reading settings stays quick.

Rules
-----
- Every field has bounds and a default; an unknown field is refused.
- Switches are off by default. Their intervals are half-open `[start, end)` in valid time, and no row
  dated before a switch's `start` differs from what the park delivers without it.
"""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class DriftKind(StrEnum):
    """What changes at the drift's start."""

    NONE = "none"
    GRADUAL = "gradual"
    SUDDEN = "sudden"
    COVARIATE = "covariate"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Drift(_Frozen):
    """A change of the truth from `start` on.

    `gradual` and `sudden` change how fires follow from weather: dryness counts for less, wind for
    more. `covariate` makes the climate warmer and drier and leaves fires given weather as they were.
    """

    kind: DriftKind = Field(DriftKind.NONE, description="what changes")
    start: dt.date | None = Field(None, description="first day that differs")
    strength: float = Field(1.0, gt=0, le=2, description="size of the whole change, 1 for the documented one")
    ramp_days: int = Field(365, ge=1, le=3653, description="days until it is complete, except where it is sudden")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.kind is DriftKind.NONE and self.start is not None:
            msg = f"drift.start is {self.start}, but drift.kind is none; set the kind to gradual, sudden or covariate"
            raise ValueError(msg)
        if self.kind is not DriftKind.NONE and self.start is None:
            msg = f"drift.kind is {self.kind}, but drift.start is not set; name the first day that differs"
            raise ValueError(msg)
        return self


class LateReports(_Frozen):
    """Reports of fires from `start` on, up to `end` where there is one, arrive `extra_days` later than they would."""

    start: dt.date = Field(description="first day whose fires are reported late")
    end: dt.date | None = Field(None, description="first day whose fires are reported in time again")
    extra_days: int = Field(30, ge=1, le=730, description="days added to the delay of each report")

    @model_validator(mode="after")
    def _refuse_disorder(self) -> Self:
        if self.end is not None and self.start >= self.end:
            msg = f"label_delay.start is {self.start}, must be before label_delay.end ({self.end})"
            raise ValueError(msg)
        return self


class _Period(_Frozen):
    start: dt.date = Field(description="first day affected")
    end: dt.date = Field(description="first day no longer affected")

    @model_validator(mode="after")
    def _refuse_disorder(self) -> Self:
        if self.start >= self.end:
            name = type(self).__name__.lower()
            msg = f"{name}.start is {self.start}, must be before {name}.end ({self.end})"
            raise ValueError(msg)
        return self


class Outage(_Period):
    """Of the fires in `[start, end)`, `share` is never reported."""

    share: Share = Field(0.85, description="share of the fires that is lost")


class Corruption(_Period):
    """Weather reported for `[start, end)` says no rain, and humidity turned upside down; the truth is unchanged."""


class Silence(_Period):
    """A dead weather feed: no row dated in `[start, end)` is ever delivered; fires follow the true weather."""


class MisreadArchive(_Period):
    """An archive of old fires is entered on `start`, under years three too late, and corrected on `end`."""


SWITCHES = ("drift", "label_delay", "outage", "corruption", "silence", "misread_archive")
Switch = TypeVar("Switch", bound=_Frozen)


class SimulatorConfig(_Frozen):
    """Everything the park is made from; the same configuration gives the same rows for ever."""

    seed: int = Field(20260101, ge=0, lt=2**63, description="seed of all draws")
    n_cells: int = Field(20, ge=4, le=10_000, description="cells of the park")
    fire_rate: float = Field(0.015, ge=0.0005, le=0.1, description="fire starts per cell and day, mean over many years")
    missing_share: float = Field(0.002, ge=0, le=0.2, description="share of each weather measure that is null")
    median_report_delay_days: float = Field(1.0, ge=0, le=30, description="median days from a fire to its report")
    longest_report_delay_days: int = Field(12, ge=0, le=90, description="no report takes longer")
    correction_share: Share = Field(0.3, description="share of the fires whose report is corrected later")
    redated_share: Share = Field(0.04, description="share of the corrections that move the fire to the day before")
    longest_correction_delay_days: int = Field(45, ge=1, le=365, description="days from report to correction, at most")
    drift: Drift = Field(Drift(), description="change of the truth")
    label_delay: LateReports | None = Field(None, description="reports that break the promised delay")
    outage: Outage | None = Field(None, description="fires that nobody records")
    corruption: Corruption | None = Field(None, description="a broken weather feed")
    silence: Silence | None = Field(None, description="a dead weather feed")
    misread_archive: MisreadArchive | None = Field(None, description="old fires entered under wrong years")
    shift_days: int = Field(0, ge=-36_525, le=36_525, description="days by which all that happens is later")
    southern: bool = Field(default=False, description="whether the park lies as far south of the equator")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.median_report_delay_days > self.longest_report_delay_days:
            msg = (
                f"median_report_delay_days is {self.median_report_delay_days:g}, must be at most "
                f"longest_report_delay_days ({self.longest_report_delay_days})"
            )
            raise ValueError(msg)
        return self


def move_earlier(config: SimulatorConfig, n_days: int) -> SimulatorConfig:
    """The same park, with every switch's dates `n_days` earlier."""
    if n_days == 0:
        return config
    switches = {name: getattr(config, name) for name in SWITCHES}
    moved = {name: _move(switch, n_days) for name, switch in switches.items() if switch is not None}
    return config.model_copy(update=moved)


def _move(switch: Switch, n_days: int) -> Switch:
    dates = {name: getattr(switch, name, None) for name in ("start", "end")}
    earlier = {name: date - dt.timedelta(days=n_days) for name, date in dates.items() if date is not None}
    return switch.model_copy(update=earlier)
