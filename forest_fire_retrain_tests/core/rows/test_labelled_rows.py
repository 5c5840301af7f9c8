"""Labels say what was known at an instant: no later report counts, and of a fire its last correction."""

import datetime as dt

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import FIRES_SCHEMA
from forest_fire_retrain_tests.property_examples import examples

ENGINE = DuckDbEngine()
DAY = dt.timedelta(days=1)
MONDAY = dt.date(2024, 7, 1)
NOON = dt.datetime(2024, 7, 10, 12, tzinfo=dt.UTC)
CELLS = ("b", "a")
FEATURES = pa.table(
    {
        "cell_id": pa.array([cell for cell in CELLS for _ in range(5)]),
        "date": pa.array([MONDAY + n * DAY for _ in CELLS for n in reversed(range(5))], pa.date32()),
        "fwi": pa.array([float(n) if n % 3 else None for n in range(10)]),
    }
)
Report = tuple[str, str, int, dt.datetime]


def label(*reports: Report, known_at: dt.datetime = NOON) -> set[tuple[str, int]]:
    """Cells and days after Monday labelled as fires, from (fire, cell, day, recorded_at)."""
    rows = labelled_rows(ENGINE, features=FEATURES, fires=fires_table(*reports), known_at=known_at)
    return {
        (cell, (day - MONDAY).days)
        for cell, day, burned in zip(*(rows[name].to_pylist() for name in ("cell_id", "date", "label")), strict=True)
        if burned
    }


def fires_table(*reports: Report) -> pa.Table:
    rows = [
        {"fire_id": fire, "cell_id": cell, "date": MONDAY + n * DAY, "area_ha": 4.0, "recorded_at": recorded_at}
        for fire, cell, n, recorded_at in reports
    ]
    return pa.Table.from_pylist(rows, schema=FIRES_SCHEMA)


def before_noon(hours: float) -> dt.datetime:
    return NOON - dt.timedelta(hours=hours)


def test_rows_come_by_day_and_cell_with_their_features_and_a_plain_true_or_false() -> None:
    rows = labelled_rows(ENGINE, features=FEATURES, fires=fires_table(), known_at=NOON)
    assert rows.column_names == ["cell_id", "date", "fwi", "label"]
    expected = sorted(FEATURES.to_pylist(), key=lambda row: (row["date"], row["cell_id"]))
    assert rows.drop(["label"]).to_pylist() == expected
    assert rows["label"].to_pylist() == [False] * 10
    assert rows.schema.field("label").type == pa.bool_()


def test_a_fire_labels_its_cell_and_day_only() -> None:
    assert label(("f", "a", 2, before_noon(1))) == {("a", 2)}


def test_two_fires_in_a_cell_on_a_day_make_one_labelled_row() -> None:
    fires = fires_table(("f", "a", 2, before_noon(1)), ("g", "a", 2, before_noon(2)))
    assert labelled_rows(ENGINE, features=FEATURES, fires=fires, known_at=NOON).num_rows == 10


def test_a_report_recorded_at_the_instant_or_later_does_not_exist_yet() -> None:
    microsecond = dt.timedelta(microseconds=1)
    assert label(("f", "a", 2, NOON)) == set()
    assert label(("f", "a", 2, NOON + microsecond)) == set()
    assert label(("f", "a", 2, NOON - microsecond)) == {("a", 2)}


def test_the_instant_counts_whatever_zone_it_is_given_in() -> None:
    elsewhere = NOON.astimezone(dt.timezone(dt.timedelta(hours=-7)))
    reports = [("f", "a", 2, before_noon(0.5)), ("g", "b", 3, before_noon(-0.5))]
    assert label(*reports, known_at=elsewhere) == label(*reports) == {("a", 2)}


def test_a_correction_moves_the_label_once_it_is_known() -> None:
    reports = [("f", "a", 2, before_noon(48)), ("f", "b", 4, before_noon(24))]
    assert label(*reports, known_at=before_noon(24)) == {("a", 2)}
    assert label(*reports) == {("b", 4)}


def test_a_correction_out_of_the_window_takes_the_label_away() -> None:
    assert label(("f", "a", 2, before_noon(48)), ("f", "a", -300, before_noon(24))) == set()


def test_a_correction_of_one_fire_leaves_another_in_its_place() -> None:
    assert label(("f", "a", 2, before_noon(9)), ("g", "a", 2, before_noon(9)), ("f", "b", 1, before_noon(8))) == {
        ("a", 2),
        ("b", 1),
    }


def test_a_withdrawn_fire_labels_nothing_from_its_withdrawal_on() -> None:
    fires = fires_table(("f", "a", 2, before_noon(9)), ("f", "a", 2, before_noon(8)), ("g", "b", 1, before_noon(9)))
    marked = fires.append_column("withdrawn", pa.array([None, True, False]))
    labels = {
        hours: [
            cell for cell, burned in zip(rows["cell_id"].to_pylist(), rows["label"].to_pylist(), strict=True) if burned
        ]
        for hours in (8, 7)
        for rows in (labelled_rows(ENGINE, features=FEATURES, fires=marked, known_at=before_noon(hours)),)
    }
    assert labels == {8: ["b", "a"], 7: ["b"]}


REPORTS = st.lists(
    st.tuples(st.sampled_from("fgh"), st.sampled_from(CELLS), st.integers(0, 4), st.integers(-30, 30).map(before_noon)),
    max_size=8,
    unique_by=lambda report: (report[0], report[3]),
)


@examples(40)
@given(reports=REPORTS)
def test_labels_are_those_of_the_last_known_row_of_each_fire(reports: list[Report]) -> None:
    last: dict[str, Report] = {}
    for report in sorted(reports, key=lambda report: report[3]):
        if report[3] < NOON:
            last[report[0]] = report
    assert label(*reports) == {(cell, n) for _, cell, n, _ in last.values()}


def test_no_rows_have_no_labels() -> None:
    rows = labelled_rows(
        ENGINE, features=FEATURES.slice(0, 0), fires=fires_table(("f", "a", 1, before_noon(1))), known_at=NOON
    )
    assert (rows.num_rows, rows.column_names) == (0, ["cell_id", "date", "fwi", "label"])


def test_rows_of_one_cell_and_day_keep_their_order() -> None:
    twice = pa.concat_tables([FEATURES, FEATURES.slice(3, 2)])
    rows = labelled_rows(ENGINE, features=twice, fires=fires_table(("f", "b", 1, before_noon(1))), known_at=NOON)
    assert rows["label"].to_pylist().count(True) == 2
    assert rows.num_rows == 12
