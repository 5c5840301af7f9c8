"""Weather dated after today: accepted with its instant, and no harm to cells, marks, features and later deliveries."""

import datetime as dt

import pyarrow as pa
import pytest

from forest_fire_retrain.core.errors import InputContractError, ShrunkDeliveryError
from forest_fire_retrain.core.rows.contracts import CheckedTables, RawTable, check_tables
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import MAX_FORECAST_DAYS, midnight
from forest_fire_retrain_tests.core.rows.test_contracts import valid
from forest_fire_retrain_tests.pipeline.preparing.delivering import (
    DAY,
    Folder,
    Home,
    Row,
    cell_row,
    day,
    rebuild,
    weather_row,
)

TODAY = dt.date(2024, 7, 31)
CELLS = ("a", "b", "c")


def check(date: dt.date, recorded_at: str | None, time_zone: str = "UTC") -> CheckedTables:
    tables = valid()
    n_rows = len(tables[TableName.WEATHER]["date"])
    tables[TableName.WEATHER]["date"] = [date.isoformat(), "2024-07-01", "2024-07-02"][:n_rows]
    if recorded_at is not None:
        tables[TableName.WEATHER]["recorded_at"] = [recorded_at, "2024-07-01", "2024-07-02"][:n_rows]
    raw = {name: RawTable(f"{name}.csv", pa.table(columns)) for name, columns in tables.items()}
    return check_tables("park", raw, today=TODAY, assumed_report_lag_days=2, time_zone=time_zone)


@pytest.mark.parametrize("n_ahead", [1, MAX_FORECAST_DAYS])
def test_a_forecast_that_says_when_it_was_made_is_accepted(n_ahead: int) -> None:
    checked = check(TODAY + n_ahead * DAY, "2024-07-31T05:00:00Z")
    assert max(checked.weather["date"].to_pylist()) == TODAY + n_ahead * DAY


@pytest.mark.parametrize(
    ("n_ahead", "recorded_at", "told"),
    [
        (1, None, "column date: 1 value in the future"),
        (1, "2024-08-01T05:00:00Z", "column recorded_at: 1 value in the future"),
        (MAX_FORECAST_DAYS + 1, "2024-07-31T05:00:00Z", "allowed up to 2024-08-16.*a forecast of at most 16 days"),
    ],
)
def test_a_forecast_without_an_instant_from_the_future_or_too_far_ahead_is_refused(
    n_ahead: int, recorded_at: str | None, told: str
) -> None:
    with pytest.raises(InputContractError, match=told):
        check(TODAY + n_ahead * DAY, recorded_at)


def observed(cell: str, number: int) -> Row:
    return weather_row(cell, number, recorded_at=midnight(day(number)) + dt.timedelta(hours=18))


def forecast(cell: str, number: int, made_on: int) -> Row:
    return weather_row(cell, number, 99.0 - number, recorded_at=midnight(day(made_on)) + dt.timedelta(hours=5))


def delivered_on(number: int, n_ahead: int, cells: tuple[str, ...] = CELLS) -> Folder:
    """What was observed through a day, and the newest forecast only."""
    rows = [observed(cell, past) for past in range(number + 1) for cell in cells]
    rows += [forecast(cell, number + k, number) for k in range(1, n_ahead + 1) for cell in cells]
    return Folder(weather=rows, cells=[cell_row(cell, place / 10) for place, cell in enumerate(cells)])


def features(home: Home, until: int) -> list[Row]:
    return rebuild(home.lake, until, home.calendar).to_pylist()


@pytest.mark.parametrize("later_ahead", [0, 2, 7])
def test_forecasts_leave_no_trace_once_their_days_are_observed(later_ahead: int) -> None:
    home, plain = Home(), Home()
    for until, n_ahead in ((28, 7), (35, later_ahead)):
        home.ingest(delivered_on(until - 1, n_ahead), until)
        plain.ingest(delivered_on(until - 1, 0), until)
        for each in (home, plain):
            each.build(until)
            assert each.lake.complete_through(TableName.WEATHER) == day(until)
            assert each.lake.complete_through(TableName.FEATURES) == day(until)
        assert home.lake.read(TableName.CELLS).equals(plain.lake.read(TableName.CELLS))
        assert features(home, until) == features(plain, until)
        assert home.lake.read(TableName.FEATURES).num_rows == until * len(CELLS)


def test_a_shorter_forecast_is_withdrawn_and_not_refused() -> None:
    home = Home()
    home.ingest(delivered_on(27, 10), 28)
    report = home.ingest(delivered_on(28, 2), 29)["weather"]
    assert report.n_withdrawn == 7 * len(CELLS)  # of the days 31 to 37
    assert home.ingest(delivered_on(28, 2), 29)["weather"].written is False


def test_observations_that_are_taken_back_are_refused_however_far_the_forecast_reaches() -> None:
    home = Home()
    home.ingest(delivered_on(27, 7), 28)
    cut = delivered_on(27, 7)
    cut.weather = [row for row in cut.weather if not day(7) <= row["date"] <= day(14)]  # type: ignore[operator]
    with pytest.raises(ShrunkDeliveryError, match="rows are no longer delivered"):
        home.ingest(cut, 35)


def test_weather_that_ends_earlier_is_refused_though_forecasts_were_held() -> None:
    home = Home()
    home.ingest(delivered_on(27, 7), 28)
    with pytest.raises(ShrunkDeliveryError, match="went on until 2024-01-28 before"):
        home.ingest(delivered_on(20, 0), 35)


def test_a_cell_that_is_removed_does_not_live_on_in_its_forecast() -> None:
    home = Home()
    home.ingest(delivered_on(27, 14), 28)
    home.ingest(delivered_on(41, 14, cells=CELLS[:2]), 42)
    assert home.cell("c")["last_day"] == day(28)


def test_a_new_cell_does_not_begin_on_the_day_of_its_forecast() -> None:
    home = Home()
    home.ingest(delivered_on(27, 7), 28)
    grown = delivered_on(34, 7)
    grown.cells.append(cell_row("d", 0.9))
    grown.weather += [forecast("d", 34 + k, 34) for k in (3, 4)]
    home.ingest(grown, 35)
    assert home.cell("d")["first_day"] == day(28)  # first listed
