"""What scoring a holdout says of its rows: how many there have to be, and what the feed did not deliver."""

import datetime as dt

import pyarrow as pa
import pytest

from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES, NullShares
from forest_fire_retrain.pipeline.retraining.scoring_holdouts import _spans, score_holdout
from forest_fire_retrain_tests.example_park import decided_bench

FIRST, LAST = dt.date(2024, 6, 5), dt.date(2024, 6, 20)


def test_cells_without_first_and_last_day_are_there_on_every_day() -> None:
    cells = pa.table({"cell_id": ["a", "b"]})
    assert _spans(cells) == [(None, None), (None, None)]
    days = pa.array([FIRST, None], pa.date32())
    assert _spans(cells.append_column("first_day", days)) == [(FIRST, None), (None, None)]
    both = cells.append_column("first_day", days).append_column("last_day", pa.array([None, LAST], pa.date32()))
    assert _spans(both) == [(FIRST, None), (None, LAST)]


@pytest.mark.slow
def test_a_scored_holdout_says_what_of_each_raw_measure_is_missing() -> None:
    bench = decided_bench(0)
    question = bench.question(1)
    scored = score_holdout(
        bench.stores.lake,
        bench.stores.engine,
        bench.stores.models,
        holdout=question.holdout,
        candidate=question.candidate,
        champion=None,
    )
    assert set(scored.null_shares) == set(RAW_MEASURES)
    assert scored.n_expected_rows == question.holdout.n_rows
    trained = question.candidate.null_share
    assert {name: shares.training for name, shares in scored.null_shares.items()} == {
        name: trained[name] for name in RAW_MEASURES
    }
    assert all(isinstance(shares, NullShares) and 0 <= shares.newest < 0.1 for shares in scored.null_shares.values())
