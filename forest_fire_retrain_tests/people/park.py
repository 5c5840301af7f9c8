"""The park whose people these are: six cells, a department that delivers a folder every week, a quick rule.

The deliveries are those of a simulated park, so that every run of the tasks sees the same days.
"""

import datetime as dt
import json
from pathlib import Path

import pyarrow.csv as pacsv

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_reigns import EASY
from forest_fire_retrain_tests.people.documented import PREFIX

START = dt.date(2024, 1, 1)
PARK = SimulatorConfig(n_cells=6, fire_rate=0.05, seed=8, missing_share=0)
RULE = EASY.model_copy(update={"refresh_margin": 1.0})
WEEK = dt.timedelta(weeks=1)


def settings_of(home: Path, delivery: Path, alerts: Path, end: dt.date) -> dict[str, str]:
    """What the people export: where the park lies, and a rule that promotes readily.

    Parameters
    ----------
    home, delivery, alerts : Path
        The home, the folder of the department, and the file that gets the alerts.
    end : datetime.date
        First day that no period may contain: today, for the people of this story.
    """
    settings: dict[str, object] = {
        "HOME": home,
        "SOURCE": "folder",
        "DATA": delivery,
        "START_DATE": START,
        "END_DATE": end,
        "MIN_TRAINING_DAYS": 180,
        "TRAINING_WINDOW_DAYS": 400,
        "RECIPE_NAMES": json.dumps(["logistic"]),
        "NOTIFY__FILE": alerts,
        **{f"ADJUDICATION__{name.upper()}": value for name, value in RULE.model_dump(exclude_unset=True).items()},
    }
    return {f"{PREFIX}{name}": str(value) for name, value in settings.items()}


def deliver(folder: Path, end: dt.date) -> None:
    """Write the department's folder as it is on the morning of `end`: everything that was recorded before."""
    folder.mkdir(exist_ok=True)
    said = Simulator(PARK, START).read(Interval(start=START, end=end))
    tables = {TableName.CELLS: said.cells, TableName.WEATHER: said.weather, TableName.FIRES: said.fires}
    for name, rows in tables.items():
        pacsv.write_csv(rows, folder / f"{name}.csv")


def lose_decimal_point(folder: Path) -> str:
    """Spoil the newest humidity of a delivery as a spreadsheet does; the line as it stands in the file then."""
    file = folder / "weather.csv"
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    column = [name.strip('"') for name in head.split(",")].index("rel_humidity_pct")
    values = lines[-1].split(",")
    values[column] = f"{values[column]}0"
    lines[-1] = ",".join(values)
    file.write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    return lines[-1]
