"""`forest-fire predict` and `predictions`, on a home with two decided periods."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in, weather_is_in

pytestmark = pytest.mark.slow

JULY_15 = dt.date(2025, 7, 15)
TABLES = ("cells", "weather", "fires", "features")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """Two decided periods."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("decided") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-14") == 0
        yield home


def versions_of(home: Path) -> dict[str, int | None]:
    lake = DeltaLake(str(home / "lake"))
    return {table: lake.version(table) for table in TABLES}


def test_today_is_predicted_once_and_shown_again(decided: Path, forest_fire: Run) -> None:
    before, today = versions_of(decided), read_clock().date()
    first = forest_fire("predict")
    assert first.code == 0, first.err
    assert f"{today}, live, version 1" in first.out
    assert "Badger Ridge" in first.out
    again = json.loads(forest_fire("predict", "--json").out)
    (day,) = again["days"]
    assert (day["date"], day["kind"], day["written"], day["cells"]) == (today.isoformat(), "live", False, 6)
    assert sum(day["classes"].values()) == len(day["highest"]) == 6
    assert [warning.partition(" have ")[2][:10] for warning in again["warnings"]] == (
        [] if weather_is_in() else ["no weather"]
    )
    assert versions_of(decided) == before
    assert json.loads(forest_fire("status", "--json").out)["last_predicted_day"] == today.isoformat()
    listed = json.loads(forest_fire("predictions", "--json").out)
    assert [(row["name"], row["n_rows"]) for row in listed] == [(day["issue"], 6)]
    rows = json.loads(forest_fire("predictions", "--issue", day["issue"][:6], "--json").out)
    assert [row["rank"] for row in rows] == [row["rank"] for row in day["highest"]]
    assert rows[0]["feature_hash"]


def test_past_days_are_asked_for_and_marked(decided: Path, forest_fire: Run) -> None:
    refused = forest_fire("predict", "--date", "2025-07-16")
    assert refused.code == 2
    assert "forest-fire predict --date 2025-07-16 --retro" in refused.err
    words = ("predict", "--from", "2025-07-15", "--to", "2025-07-17", "--retro", "--json")
    said = json.loads(forest_fire(*words).out)["days"]
    assert [(day["date"], day["kind"], day["written"]) for day in said] == [
        (f"2025-07-{number}", "retro", True) for number in (15, 16, 17)
    ]
    shown = forest_fire("predict", "--date", "2025-07-16")
    assert (shown.code, shown.err) == (0, "")
    assert "2025-07-16, retro, version 1" in shown.out
    assert "stands" in shown.out
    assert "nothing was predicted" in forest_fire("predict", "--date", "2025-07-20", "--retro").err.lower()
    assert decided.exists()


def test_what_retro_is_asked_of_a_day_that_was_predicted_ahead_only_is_what_is_shown(
    decided: Path, forest_fire: Run
) -> None:
    assert forest_fire("predict", "--date", "2025-07-15", "--retro").code == 0
    lake, ahead = DeltaLake(str(decided / "lake")), {"date": dt.date(2025, 7, 18), "kind": "live", "lead_days": 1}
    rows = lake.read("predictions", day_column="date", window=Interval(start=JULY_15, end=dt.date(2025, 7, 16)))
    told = [{**row, **ahead, "issue": "said ahead"} for row in rows.to_pylist()]
    lake.append("predictions", pa.Table.from_pylist(told, rows.schema))
    assert "2025-07-18, live, 1 day ahead, version 1" in forest_fire("predict", "--date", "2025-07-18").out
    asked = forest_fire("predict", "--date", "2025-07-18", "--retro")
    assert "2025-07-18, retro, version 1" in asked.out
    assert "Nothing new was logged" not in asked.out
    (again,) = json.loads(forest_fire("predict", "--date", "2025-07-18", "--retro", "--json").out)["days"]
    assert (again["kind"], again["lead_days"], again["written"]) == ("retro", 0, False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2025-07-15"), "a range needs --from and --to"),
        (("--from", "2025-07-15", "--to", "2025-07-14"), "the wrong way round"),
        (("--date", "2025-07-15", "--to", "2025-07-14"), "Give the one or the other"),
        (("--date", "2024-07-15", "--retro"), "the first day on which there can be a champion"),
        (("--date", (read_clock().date() + dt.timedelta(days=1)).isoformat()), "is still to come"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_one_message(
    decided: Path, forest_fire: Run, words: tuple[str, ...], told: str
) -> None:
    answer = forest_fire("predict", *words)
    assert (answer.code, answer.err.count("forest-fire: ")) == (2, 1), answer
    assert told in answer.err
    assert decided.exists()


def test_before_anything_was_decided_there_is_one_message(small_park: Path, forest_fire: Run) -> None:
    answer = forest_fire("predict")
    assert (answer.code, answer.out) == (2, "")
    assert "there is no champion yet" in answer.err
    listed = forest_fire("predictions")
    assert (listed.code, "Nothing was predicted" in listed.out) == (0, True)
    assert not (small_park / "lake").exists()
