"""Whatever store of a home is taken back, rewritten or deleted: verify names it, and a ledger that was is left alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain_tests.reliability.tampering import (
    Homes,
    Touched,
    describe,
    list_few,
    list_trials,
    make_homes,
    try_touched,
)

pytestmark = pytest.mark.slow

N_STORES, N_ACTIONS = 9, 3


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    """Three reigns on real stores, and the same home as it was after two."""
    yield make_homes(tmp_path_factory.mktemp("homes"))
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.mark.parametrize("touched", list_few(), ids=describe)
def test_what_was_done_to_stores_is_noticed(homes: Homes, tmp_path: Path, touched: Touched) -> None:
    assert try_touched(tmp_path / "tried", homes, touched) == []


def test_the_campaign_tries_every_store_and_every_pair_of_stores() -> None:
    n_pairs = N_STORES * (N_STORES - 1) // 2
    assert len(list_trials()) == len(list_few()) + n_pairs * N_ACTIONS**2
