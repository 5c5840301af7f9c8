"""What scoring a holdout says of its rows: how many there have to be, and what the feed did not deliver."""

import pytest

from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES, NullShares
from forest_fire_retrain.pipeline.retraining.scoring_holdouts import score_holdout
from forest_fire_retrain_tests.example_park import decided_bench


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
