"""The embedded park: a `Source` whose truth is known, for any date, from a seed.

Rules
-----
- Rows are a function of configuration and date alone. Days are computed in blocks that lie at fixed
  dates, so a week read alone has the very bits of the same week read with all the years.
- `history_start` only cuts: nothing that happened before it is delivered, and it changes nothing else.
- Rows arrive as they would in life: weather at 05:00 of its day, fires by their reports. Hours are those of the
  park's time zone, counted from the day's beginning; what a short day has no room for arrives at its last second.
"""

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forest_fire_retrain.adapters.simulated_fires import (
    FUEL_MEMORY_DAYS,
    MICROSECONDS_PER_SECOND,
    NO_REPORTS,
    SECONDS_PER_DAY,
    Reports,
    archived_days,
    draw_reports,
    fire_probability,
    join_reports,
    longest_wait_days,
    misread,
    misread_days,
)
from forest_fire_retrain.adapters.simulated_settings import (
    Corruption,
    Drift,
    DriftKind,
    LateReports,
    Outage,
    Silence,
    SimulatorConfig,
    move_earlier,
)
from forest_fire_retrain.adapters.simulated_weather import (
    DRIEST_PCT,
    EPOCH_ORDINAL,
    WEATHER_MEMORY_DAYS,
    WETTEST_PCT,
    Days,
    Flags,
    Stream,
    Weather,
    draw_uniforms,
    lay_out_park,
    simulate_weather,
)
from forest_fire_retrain.core.rows.fire_weather import Floats
from forest_fire_retrain.core.rows.park_days import midnights_us
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, UTC_INSTANT, WEATHER_SCHEMA
from forest_fire_retrain.core.windows import UTC, Interval

__all__ = ["Corruption", "Drift", "DriftKind", "LateReports", "Outage", "Silence", "Simulator", "SimulatorConfig"]

AnyArray = NDArray[Any]

LOOK_BACK_DAYS = WEATHER_MEMORY_DAYS + FUEL_MEMORY_DAYS
BLOCK_DAYS = 128
CACHED_CELL_DAYS, FEWEST_CACHED_BLOCKS = 3_000_000, 4
WEATHER_RECORDED_SECOND = 5 * 3_600

PROBABILITY_SCHEMA = pa.schema(
    [
        pa.field("cell_id", pa.string(), nullable=False),
        pa.field("date", pa.date32(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)


class _Block(NamedTuple):
    """`BLOCK_DAYS` days of everything: the weather as reported, what of it is missing, the truth, the reports."""

    weather: Weather
    missing: Flags
    probability: Floats
    reports: Reports


class Simulator:
    """The simulated park as a source; the same arguments deliver the same rows.

    Parameters
    ----------
    config : SimulatorConfig
        What the park is made from.
    history_start : datetime.date
        First day delivered.
    time_zone : str
        IANA name of the zone whose days these are; it changes when rows arrive, and nothing else.
    """

    def __init__(self, config: SimulatorConfig, history_start: dt.date, time_zone: str = UTC) -> None:
        self._config = move_earlier(config, config.shift_days)
        self._shift_days = config.shift_days
        self._time_zone = time_zone
        self._first_day = history_start.toordinal() - config.shift_days
        self._park = lay_out_park(config)
        self._cell_ids = pa.array(self._park.cell_ids, pa.string())
        n_blocks = max(FEWEST_CACHED_BLOCKS, CACHED_CELL_DAYS // (BLOCK_DAYS * config.n_cells))
        self._block = lru_cache(maxsize=n_blocks)(self._compute_block)

    @property
    def name(self) -> str:
        """Seed and size: what the park is, not what happens in it."""
        park = f"the simulated park with the seed {self._config.seed} and {self._config.n_cells} cells"
        return f"{park}, {self._shift_days} days later" if self._shift_days else park

    def read(self, recorded: Interval) -> SourceSlice:
        """All cells, and the weather and fire rows with `recorded_at` (day of the park) in `recorded`; ordered.

        Weather is ordered by (date, cell), fires by (recorded_at, fire_id).
        """
        own = recorded.shift(-self._shift_days)
        return SourceSlice(self._cells(), self._weather(own), self._fires(own), ())

    def read_whole(self) -> None:
        """Nothing: the park has no end, and delivers slices only."""

    def true_probability(self, window: Interval) -> pa.Table:
        """Probability that a fire starts, of each cell and day of `window`: `cell_id`, `date`, `probability`.

        It is the one the fires are drawn from, ordered by (date, cell), also before `history_start`.
        """
        days = _days_of(window.shift(-self._shift_days))
        probability = self._gather(days, attrgetter("probability"))
        columns = [*self._keys(days), pa.array(probability.ravel())]
        return pa.table(columns, schema=PROBABILITY_SCHEMA)

    def _cells(self) -> pa.Table:
        park = self._park
        columns = [
            self._cell_ids,
            *(pa.array(column) for column in (park.names, park.latitude, park.longitude, park.elevation_m)),
        ]
        return pa.table(columns, schema=CELLS_SCHEMA)

    def _weather(self, recorded: Interval) -> pa.Table:
        days = _days_of(recorded)
        days = days[days >= self._first_day]
        if len(days) == 0:
            return WEATHER_SCHEMA.empty_table()
        missing = self._gather(days, attrgetter("missing"))
        measures = [
            pa.array(self._gather(days, attrgetter(f"weather.{name}")).ravel(), mask=mask)
            for name, mask in zip(Weather._fields, missing.reshape(-1, len(Weather._fields)).T, strict=True)
        ]
        recorded_us = _instants_us(days, WEATHER_RECORDED_SECOND).repeat(self._config.n_cells)
        columns = [*self._keys(days), *measures, self._recorded_at(recorded_us)]
        rows = pa.table(columns, schema=WEATHER_SCHEMA)
        spoken = _has_spoken(days, self._config.silence)
        return rows if spoken.all() else rows.filter(pa.array(spoken.repeat(self._config.n_cells)))

    def _fires(self, recorded: Interval) -> pa.Table:
        first = recorded.start.toordinal() - longest_wait_days(self._config)
        start = max(first, self._first_day)
        if start >= recorded.end.toordinal():
            return FIRES_SCHEMA.empty_table()
        reports = join_reports([self._reports(start, recorded.end.toordinal()), self._misread_archive(recorded)])
        lower, upper = _instants_us(np.array([recorded.start.toordinal(), recorded.end.toordinal()]), 0)
        arrived = (reports.recorded_us >= lower) & (reports.recorded_us < upper)
        return self._fire_rows(reports.take(np.flatnonzero(arrived)))

    def _reports(self, start: int, end: int) -> Reports:
        """Reports of the fires from the first day delivered on, of the blocks that hold `start` to before `end`."""
        blocks = range(start // BLOCK_DAYS, (end - 1) // BLOCK_DAYS + 1)
        reports = join_reports([self._block(number).reports for number in blocks])
        return reports.take(np.flatnonzero(reports.true_day >= self._first_day))

    def _misread_archive(self, recorded: Interval) -> Reports:
        """Reports of the old fires that were entered under recent years, as far as those are delivered."""
        archive = self._config.misread_archive
        if archive is None or not (archive.start in recorded or archive.end in recorded):
            return NO_REPORTS
        days = archived_days(archive)
        blocks = range(days.start // BLOCK_DAYS, (days.stop - 1) // BLOCK_DAYS + 1)
        fires = join_reports([self._block(number).reports for number in blocks])
        held = (fires.true_day >= days.start) & (fires.true_day < days.stop)
        reports = misread(archive, fires.take(np.flatnonzero(held)))
        return reports.take(np.flatnonzero(misread_days(archive, reports.true_day) >= self._first_day))

    def _fire_rows(self, reports: Reports) -> pa.Table:
        ordered = reports.take(np.lexsort((reports.fire_number, reports.recorded_us)))
        columns = [
            pa.array([f"F{number}" for number in ordered.fire_number], pa.string()),
            self._cell_ids.take(pa.array(ordered.cell)),
            self._dates(ordered.stated_day),
            pa.array(ordered.area_ha),
            self._recorded_at(ordered.recorded_us),
        ]
        return pa.table(columns, schema=FIRES_SCHEMA)

    def _recorded_at(self, wall_us: NDArray[np.int64]) -> pa.Array:
        """The instants at which the park's clocks show `wall_us`, that much later; a row stays on its day."""
        day, since_midnight = np.divmod(wall_us, SECONDS_PER_DAY * MICROSECONDS_PER_SECOND)
        day = day + self._shift_days
        begins, ends = midnights_us(day, self._time_zone), midnights_us(day + 1, self._time_zone)
        last = np.maximum(ends - begins - MICROSECONDS_PER_SECOND, 0)
        return pa.array(begins + np.minimum(since_midnight, last)).cast(UTC_INSTANT)

    def _keys(self, days: Days) -> list[pa.Array]:
        """The columns `cell_id` and `date` of all cells on `days`."""
        n_cells = self._config.n_cells
        return [
            self._cell_ids.take(pa.array(np.tile(np.arange(n_cells), len(days)))),
            self._dates(days.repeat(n_cells)),
        ]

    def _dates(self, days: Days) -> pa.Array:
        return pa.array((days + self._shift_days - EPOCH_ORDINAL).astype(np.int32)).cast(pa.date32())

    def _gather(self, days: Days, part: Callable[[_Block], AnyArray]) -> AnyArray:
        """Days of a block's `part`, across blocks; its first axis is the day."""
        blocks = range(int(days[0]) // BLOCK_DAYS, int(days[-1]) // BLOCK_DAYS + 1)
        joined = np.concatenate([part(self._block(number)) for number in blocks])
        offset = int(days[0]) - blocks[0] * BLOCK_DAYS
        return joined[offset : offset + len(days)]

    def _compute_block(self, number: int) -> _Block:
        config, park = self._config, self._park
        days = np.arange(number * BLOCK_DAYS - LOOK_BACK_DAYS, (number + 1) * BLOCK_DAYS)
        weather = simulate_weather(config, park, days)
        probability = fire_probability(config, park, days, weather)[LOOK_BACK_DAYS:]
        days, weather = days[LOOK_BACK_DAYS:], Weather(*(values[LOOK_BACK_DAYS:] for values in weather))
        missing = draw_uniforms(config.seed, Stream.MISSING, days, config.n_cells, len(Weather._fields))
        return _Block(
            weather=_as_reported(weather, days, config.corruption),
            missing=missing < config.missing_share,
            probability=probability,
            reports=draw_reports(config, days, probability),
        )


def _as_reported(weather: Weather, days: Days, corruption: Corruption | None) -> Weather:
    """What the feed says of `weather`."""
    if corruption is None:
        return weather
    broken = (days >= corruption.start.toordinal()) & (days < corruption.end.toordinal())
    upside_down = DRIEST_PCT + WETTEST_PCT - weather.rel_humidity_pct
    return weather._replace(
        precip_mm=np.where(broken[:, np.newaxis], 0.0, weather.precip_mm),
        rel_humidity_pct=np.where(broken[:, np.newaxis], upside_down, weather.rel_humidity_pct),
    )


def _has_spoken(days: Days, silence: Silence | None) -> Flags:
    """Whether the feed delivered anything for each of `days`."""
    if silence is None:
        return np.ones(len(days), dtype=np.bool_)
    return (days < silence.start.toordinal()) | (days >= silence.end.toordinal())


def _days_of(window: Interval) -> Days:
    return np.arange(window.start.toordinal(), window.end.toordinal())


def _instants_us(days: Days, second: int) -> NDArray[np.int64]:
    return ((days - EPOCH_ORDINAL) * SECONDS_PER_DAY + second) * MICROSECONDS_PER_SECOND
