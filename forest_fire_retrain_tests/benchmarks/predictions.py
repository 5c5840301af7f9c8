"""What predictions cost: `PYTHONPATH=. python -m forest_fire_retrain_tests.benchmarks.predictions`.

A home of the default park is made with the command: a champion, and the features of the year behind it. Then are timed,
in seconds from the wall and of the CPU: today's predictions after imports (nothing else is warm: source, model and lake
are opened for it), the same again, a year of past days, and that year by the command, through Dagster with its maps.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

YEAR_DAYS = 365
WEEKS_BEHIND, MOST_TRIED = 66, 12
DAY = dt.timedelta(days=1)
PROGRAM = "import sys; from forest_fire_retrain.cli import run; sys.argv = ['forest-fire', *sys.argv[1:]]; run()"


class Cost(NamedTuple):
    """Seconds of one thing."""

    what: str
    seconds: float
    cpu_seconds: float


def command(home: Path, *words: str) -> str:
    """What `forest-fire` prints of a home."""
    environment = {**os.environ, "FOREST_FIRE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], env=environment, check=True, capture_output=True)
    return done.stdout.decode()


def timed(what: str, run: Callable[[], object]) -> Cost:
    """Seconds of `run`; those of its children count as CPU seconds too."""
    before, used = time.perf_counter(), _cpu()
    run()
    return Cost(what, time.perf_counter() - before, _cpu() - used)


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def make_home(home: Path) -> list[dt.date]:
    """A champion, and the features of a year behind it; the days of that year."""
    today = dt.datetime.now(dt.UTC).date()
    last_week = today - (today.weekday() + 7) * DAY
    first = last_week - 7 * WEEKS_BEHIND * DAY
    for _ in range(MOST_TRIED):  # in winter a candidate may not beat climatology
        command(home, "retrain", "--partition", first.isoformat())
        first += 7 * DAY
        if json.loads(command(home, "status", "--json"))["champion"] is not None:
            break
    command(home, "retrain", "--partition", last_week.isoformat())
    return [last_week - number * DAY for number in range(YEAR_DAYS, 0, -1)]


def measure(home: Path, days: list[dt.date]) -> list[Cost]:
    """All timings."""
    os.environ["FOREST_FIRE_HOME"] = str(home)
    from forest_fire_retrain import operations  # noqa: PLC0415 - imports do not count
    from forest_fire_retrain.adapters import mlflow_models  # noqa: F401, PLC0415 - as above
    from forest_fire_retrain.adapters.mlflow_connection import import_sklearn_flavour  # noqa: PLC0415 - as above
    from forest_fire_retrain.clock import read_clock  # noqa: PLC0415 - as above
    from forest_fire_retrain.core.windows import day_of  # noqa: PLC0415 - as above
    from forest_fire_retrain.installation import build_installation  # noqa: PLC0415 - as above
    from forest_fire_retrain.settings import load_settings  # noqa: PLC0415 - as above

    import_sklearn_flavour()
    settings, now = load_settings(), read_clock()
    today = [day_of(now, settings.time_zone)]

    def predict(asked: list[dt.date]) -> object:
        return operations.predict_days(build_installation(settings), asked, retro=True, now=now)

    year = ("predict", "--from", days[0].isoformat(), "--to", days[-1].isoformat(), "--retro")
    return [
        timed("today, after imports", lambda: predict(today)),
        timed("today again, nothing written", lambda: predict(today)),
        timed(f"{len(days)} past days, after imports", lambda: predict(days)),
        timed(f"{len(days)} past days by the command, all logged before", lambda: command(home, *year)),
    ]


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a folder to keep the home in; by default it is removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        costs = measure(home, make_home(home))
    print(json.dumps([cost._asdict() for cost in costs], indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
