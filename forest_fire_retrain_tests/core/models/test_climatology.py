"""The baseline: defined everywhere, independent of row order, close to the plain rate where data abound."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.errors import EvidenceError
from forest_fire_retrain.core.models.climatology import (
    CELL_PSEUDO_DAYS,
    MONTH_PSEUDO_DAYS,
    MONTHS,
    fit_climatology,
    shrink_rates,
)
from forest_fire_retrain_tests.property_examples import examples

Row = tuple[str, dt.date, bool]
ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.dates(dt.date(2000, 1, 1), dt.date(2010, 1, 1)), st.booleans()), min_size=1
)


def table(rows: list[Row]) -> pa.Table:
    cells, dates, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "cell_id": pa.array(cells, pa.string()),
            "date": pa.array(dates, pa.date32()),
            "label": pa.array(labels, pa.bool_()),
        }
    )


def month_of(cell: str, month: int, n_days: int, n_fires: int) -> list[Row]:
    return [(cell, dt.date(2000 + day // 28, month, day % 28 + 1), day < n_fires) for day in range(n_days)]


@examples(60)
@given(rows=ROWS, asked=ROWS)
def test_every_cell_and_month_has_a_rate_strictly_between_nothing_and_certainty(
    rows: list[Row], asked: list[Row]
) -> None:
    rates = fit_climatology(table(rows)).predict(table([*asked, ("never seen", dt.date(1999, 2, 28), False)]))
    assert ((rates > 0) & (rates < 1)).all()


@examples(60)
@given(rows=ROWS, random=st.randoms())
def test_the_order_of_the_rows_plays_no_part(rows: list[Row], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = fit_climatology(table(rows)), fit_climatology(table(shuffled))
    assert np.array_equal(first.predict(table(rows)), second.predict(table(rows)))


@examples(60)
@given(rows=ROWS, asked=ROWS)
def test_the_rates_have_the_bits_of_those_that_were_counted_row_by_row(rows: list[Row], asked: list[Row]) -> None:
    cell_ids, cells = np.unique(np.array([cell for cell, _, _ in rows], dtype=np.str_), return_inverse=True)
    days, fires = np.zeros((2, len(cell_ids), MONTHS))
    for place, (_, day, label) in zip(cells, rows, strict=True):
        days[place, day.month - 1] += 1
        fires[place, day.month - 1] += label
    former = shrink_rates(cell_ids, fires, days)
    known = dict(zip(cell_ids.tolist(), former.cell_month_rates, strict=True))
    expected = [known.get(cell, former.month_rates)[day.month - 1] for cell, day, _ in asked]
    chunked = pa.concat_tables([table(rows[:1]), table(rows[1:])]) if rows[1:] else table(rows)
    assert fit_climatology(chunked).predict(table(asked)).tolist() == expected


def test_a_rate_approaches_the_plain_rate_as_days_accumulate() -> None:
    rows = month_of("a", 8, 20_000, 1_000) + month_of("b", 8, 20_000, 0)
    climatology = fit_climatology(table(rows))
    rates = climatology.predict(table([("a", dt.date(2030, 8, 1), False), ("b", dt.date(2030, 8, 1), False)]))
    assert rates == pytest.approx([0.05, 0.0], abs=0.001)


def test_rates_are_shrunk_by_the_stated_pseudo_days() -> None:
    rows = month_of("a", 8, 300, 30) + month_of("b", 8, 300, 0)
    overall = (30 + 0.5) / (600 + 100)
    month = (30 + MONTH_PSEUDO_DAYS * overall) / (600 + MONTH_PSEUDO_DAYS)
    cell = (30 + CELL_PSEUDO_DAYS * month) / (300 + CELL_PSEUDO_DAYS)
    asked = table([("a", dt.date(2024, 8, 9), False), ("new", dt.date(2024, 8, 9), False)])
    assert fit_climatology(table(rows)).predict(asked) == pytest.approx([cell, month], rel=1e-12)


def test_a_cell_never_seen_sorting_last_has_the_months_rate() -> None:
    climatology = fit_climatology(table(month_of("a", 8, 300, 30)))
    asked = table([("zzz", dt.date(2024, 8, 9), False), ("", dt.date(2024, 8, 9), False)])
    assert climatology.predict(asked).tolist() == [climatology.month_rates[7]] * 2


def test_no_rows_are_no_evidence() -> None:
    with pytest.raises(EvidenceError, match="at least one"):
        fit_climatology(table([]))


def test_no_rows_have_no_rates() -> None:
    assert fit_climatology(table(month_of("a", 8, 30, 1))).predict(table([])).shape == (0,)
