"""What the moisture codes and the estimate of humidity cost on a record. Run it as a module:

    PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.fire_weather --data FOLDER [--table NAME]

`spin-up`: how far codes that start wet and dry are apart after so many days. Starts are the first days of January,
April, July and October of every other year, in cells with 95 % of the weather that follows. A figure is the mean of
the worst month; the last column is the standard deviation of the code within a cell and a month of the year, on
average.

`gaps`: how wrong a code is that a gap has frozen, against the same days with their weather. Gaps begin on random
days, in every cell. Figures are the mean and the ninth decile over days and cells.

`humidity`: see the module of that name.
"""

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.backtest.candidates import months_of
from forest_fire_retrain.core.rows.carried_codes import CARRIED, MAX_UNOBSERVED_SHARE
from forest_fire_retrain.core.rows.fire_weather import Floats
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks.followed_record import CODES, DAY, YEAR_DAYS, Record, follow, load_record
from forest_fire_retrain_tests.benchmarks.humidity import describe_humidity, measure_humidity

START_MONTHS = (1, 4, 7, 10)
WET, DRY = (0.0, 0.0, 0.0), (99.0, 250.0, 800.0)
SPIN_UP_DAYS = (3, 7, 30, 60, 120, 180, 240, 300, 365, 450)

GAP_DAYS = (1, 3, 6, 12, 30)
DAYS_AFTER_GAP = 120
ASKED_AFTER_GAP = (("ffmc", 1), ("dmc", 0), ("dc", 0), ("dc", DAYS_AFTER_GAP))
SEED = 20260101


class SpunUp(NamedTuple):
    """How far a wet and a dry start are apart, by days since, and how much the code varies anyway."""

    code: str
    apart: dict[int, float]
    varies_by: float


class Frozen(NamedTuple):
    """How wrong a code is after a gap: mean and ninth decile; `days_on` counts from the last day of the gap."""

    gap_days: int
    code: str
    days_on: int
    mean: float
    ninth_decile: float


def measure_spin_up(record: Record) -> list[SpunUp]:
    """One row per code."""
    days, longest = record.panel.days, max(SPIN_UP_DAYS)
    years = range(days.start.year, days.end.year + 1, 2)
    apart: dict[int, list[Floats]] = {}
    for first in (dt.date(year, month, 1) for year in years for month in START_MONTHS):
        window = Interval(start=first, end=first + longest * DAY)
        if window.start >= days.start and window.end <= days.end:
            apart.setdefault(first.month, []).append(_apart(record, window))
    if not apart:
        raise SystemExit(f"no start in {days} has {longest} days after it; the spin-up needs a longer record")
    worst = np.max([np.concatenate(starts, axis=-1).mean(axis=-1) for starts in apart.values()], axis=0)
    return [
        SpunUp(code, {n: float(worst[place, n - 1]) for n in SPIN_UP_DAYS}, spread_in_months(record, code))
        for place, code in enumerate(CODES)
    ]


def _apart(record: Record, window: Interval) -> Floats:
    """Differences of a wet and a dry start, shape (n_codes, n_days, n_cells with enough weather)."""
    wet, dry = (follow(record, window, before=start) for start in (WET, DRY))
    seen = (record.weather("temp_max_c") + record.weather("precip_mm"))[record.panel.places(window)]
    observed = np.isnan(seen).mean(axis=0) <= MAX_UNOBSERVED_SHARE
    return np.array([np.abs(wet[name] - dry[name])[:, observed] for name in map(CARRIED.format, CODES)])


def spread_in_months(record: Record, code: str) -> float:
    """Standard deviation of a code within a cell and a month of the year, mean of these, from the second year on."""
    values, months = record.codes[code][YEAR_DAYS:], months_of(record.panel.days)[YEAR_DAYS:]
    return float(np.mean([values[months == month].std(axis=0) for month in np.unique(months)]))


def measure_gaps(record: Record, n_starts: int) -> list[Frozen]:
    """Per length of a gap one row for FFMC and DMC, and two for DC."""
    last = record.panel.days.n_days - max(GAP_DAYS) - DAYS_AFTER_GAP
    if last <= YEAR_DAYS:
        raise SystemExit(f"{record.panel.days} has no room for a year and a gap; the gaps need a longer record")
    starts = np.random.default_rng(SEED).integers(YEAR_DAYS, last, n_starts).tolist()
    rows = []
    for n_days in GAP_DAYS:
        errors = np.concatenate([_errors(record, start, n_days) for start in starts], axis=1)
        for (code, days_on), column in zip(ASKED_AFTER_GAP, errors, strict=True):
            rows.append(Frozen(n_days, code, days_on, float(column.mean()), float(np.quantile(column, 0.9))))
    return rows


def _errors(record: Record, start: int, n_days: int) -> Floats:
    """How far codes are off after `n_days` without weather, shape (n_asked, n_cells)."""
    first = record.panel.days.start + start * DAY
    window = Interval(start=first, end=first + (n_days + DAYS_AFTER_GAP) * DAY)
    before = [record.codes[code][start - 1] for code in CODES]
    frozen = follow(record, window, before=before, hidden_days=n_days)
    places = [(code, n_days - 1 + days_on) for code, days_on in ASKED_AFTER_GAP]
    return np.array([np.abs(frozen[CARRIED.format(c)][n] - record.codes[c][start + n]) for c, n in places])


def describe_spin_up(rows: Sequence[SpunUp]) -> pd.DataFrame:
    """One row per code, one column per number of days."""
    columns = ({f"{n} days": f"{apart:.1f}" for n, apart in row.apart.items()} for row in rows)
    return pd.DataFrame(
        [{"code": r.code, **c, "varies by": f"{r.varies_by:.0f}"} for r, c in zip(rows, columns, strict=True)]
    )


def describe_gaps(rows: Sequence[Frozen]) -> pd.DataFrame:
    """One row per length of a gap; the ninth decile in brackets."""
    table: dict[int, dict[str, str]] = {}
    for row in rows:
        when = f"day {row.days_on} after" if row.days_on else "last day"
        table.setdefault(row.gap_days, {})[f"{row.code}, {when}"] = f"{row.mean:.1f} ({row.ninth_decile:.0f})"
    return pd.DataFrame([{"gap, days": n_days, **columns} for n_days, columns in table.items()])


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="data in the contract's form")
    parser.add_argument("--start", type=dt.date.fromisoformat, default=dt.date(1984, 1, 1), help="first day to use")
    parser.add_argument("--table", choices=["spin-up", "gaps", "humidity"], help="only this one")
    parser.add_argument("--gaps", type=int, default=60, help="random days on which gaps begin")
    parser.add_argument(
        "--judged",
        type=int,
        nargs="+",
        default=[2005, 2008, 2011, 2014],
        metavar="YEAR",
        help="models are trained before and scored on the three years from here on",
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(record: Record, asked: argparse.Namespace) -> Iterator[tuple[str, Sequence[NamedTuple], pd.DataFrame]]:
    """Name, rows and table of each measurement that is asked for."""
    if asked.table in (None, "spin-up"):
        spun_up = measure_spin_up(record)
        yield "spin-up", spun_up, describe_spin_up(spun_up)
    if asked.table in (None, "gaps"):
        frozen = measure_gaps(record, asked.gaps)
        yield "gaps", frozen, describe_gaps(frozen)
    if asked.table in (None, "humidity"):
        estimated = measure_humidity(record, asked.judged)
        yield "humidity", estimated, describe_humidity(estimated)


def main() -> None:
    """Measure and print the tables, or JSON; progress goes to the error stream."""
    asked, began = parse_arguments(), time.perf_counter()
    content = {}
    for name, rows, table in measure(load_record(asked.data, asked.start), asked):
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201 - progress
        content[name] = [row._asdict() for row in rows]
        if not asked.json:
            print(name, table.to_string(index=False), sep="\n", end="\n\n")  # noqa: T201 - a report
    if asked.json:
        print(json.dumps(content, indent=2, ensure_ascii=False))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
