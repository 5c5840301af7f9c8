"""Every campaign, reduced, in a process of its own: it forks, and must not inherit threads from pytest."""

import json
import os
import subprocess
import sys

import pytest

from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain_tests.reliability.__main__ import CAMPAIGNS

pytestmark = pytest.mark.slow

LONGEST_SECONDS = 1_500
FAULTS_INJECTED = {
    "crash, promotion over a champion": 10,
    "crash, rollback, ordered again": 7,
    "crash, promotion that an alarm asked for": 2,
    "instants, promotion over a champion, all of it": 2,
    "instants, promotion over a champion, from its first ledger row on": 2,
    "ranges of 16 weeks": 1,
    "orders, retrain": 1,
    "orders, ingest alone, in the web UI": 1,
    "orders, predict": 1,
    "orders, predict --retro": 1,
    "orders, rollback": 1,
    "orders, ledger restore": 1,
    "orders, verify --repair": 1,
    "orders, rollback, in the web UI": 1,
    "orders, predict, in the web UI": 1,
    "orders, up, with small servers": 1,
    "orders, shadow": 1,
    "orders, shadow --end": 1,
    "sabotage": 17,
    "concurrency, 4 processes": 2,
    "mixed, tick and ad hoc and rollback": 1,
    "replay after 6 weeks": 3,
    "faults, MLflow server gone": 2,
    "faults, disk full": 2,
    "faults, ledger locked": 2,
    "faults, lake read-only": 1,
    "tampering": 24,
    "verdicts, instants, verdict that promotes, all of it": 1,
    "verdicts, instants, verdict that promotes, from its first ledger row on": 1,
    "weights": 1,
}

Tallies = dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> Tallies:
    """What one reduced run of everything found, by what was tried."""
    folder = tmp_path_factory.mktemp("reliability")
    figures = folder / "figures.json"
    words = ("-m", "forest_fire_retrain_tests.reliability", "all", "--quick")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREST_FIRE_")}
    done = subprocess.run(
        (sys.executable, *words, "--work", str(folder), "--json", str(figures)),
        cwd=PROJECT_ROOT,
        env=environment | {"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert figures.exists(), done.stderr[-3000:]
    return {tally["name"]: tally for tally in json.loads(figures.read_text())}


@pytest.mark.parametrize("name", FAULTS_INJECTED)
def test_after_every_fault_everything_holds(tallies: Tallies, name: str) -> None:
    tally = tallies[name]
    if tally["not_run"]:
        pytest.skip(reason=f"mounting a small disk is not allowed here: {tally['not_run']}")  # no fault to inject then
    assert tally["violations"] == []
    assert tally["n_faults"] == FAULTS_INJECTED[name]


def test_no_campaign_is_left_out(tallies: Tallies) -> None:
    assert {name.split(",")[0].split(" ")[0] for name in tallies} == set(CAMPAIGNS)
    assert set(tallies) == set(FAULTS_INJECTED)
