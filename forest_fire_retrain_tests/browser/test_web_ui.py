"""`forest-fire up` as a person meets it: in a real browser, from an empty home to Ctrl-C."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from forest_fire_retrain_tests.browser.served import (
    BROWSER,
    DRIVER,
    Served,
    expand_all_groups,
    open_browser,
    page_text,
    serve,
    visit,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="needs chromium and chromedriver"),
]
PERIODS = 3
LOOPBACK_IPV4, LISTENING = "0100007F", "0A"
"""127.0.0.1 and the state of a listening socket in /proc/net/tcp."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served") / "home"
    small = {"FOREST_FIRE_UP_PERIODS": str(PERIODS), "FOREST_FIRE_RECIPE_NAMES": '["logistic"]'}
    with serve(home, **small) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as opened:
        yield opened


def test_up_says_where_everything_is(served: Served) -> None:
    said = served.output.read_text()
    assert served.dagster in said
    assert served.mlflow in said
    assert "ledger.duckdb" in said
    assert f"{PERIODS} decisions recorded" in said


def test_the_lineage_shows_every_asset(served: Served, browser: webdriver.Chrome) -> None:
    visit(browser, f"{served.dagster}/asset-groups", "ingest", "retraining")
    expand_all_groups(browser)
    shown = page_text(browser)
    for asset in ("weather", "fire_reports", "holdout_set", "candidate_model", "registry_state", "provenance"):
        assert asset in shown


def test_the_timeline_shows_what_up_did(served: Served, browser: webdriver.Chrome) -> None:
    visit(browser, f"{served.dagster}/overview/activity/timeline", "retraining_job")
    page = f"{served.dagster}/locations/forest_fire_retrain/jobs/retraining_job/runs"
    visit(browser, page, "forest_fire/trigger: cli", "Success")


def test_nothing_is_missing_on_the_first_day(served: Served, browser: webdriver.Chrome) -> None:
    page = f"{served.dagster}/assets/registry_state?view=partitions"
    visit(browser, page, f"Materialized ({PERIODS})", "Missing (0)")


def test_a_check_is_executed_on_its_own(served: Served) -> None:
    location = {"repositoryName": "__repository__", "repositoryLocationName": "forest_fire_retrain"}
    key = {"assetKey": {"path": ["provenance"]}, "name": "ledger_chain_is_intact"}
    selector = {**location, "jobName": "__ASSET_JOB", "assetSelection": [], "assetCheckSelection": [key]}
    answer: Any = ask(served, LAUNCH_RUN, p={"selector": selector, "runConfigData": {}})
    run_id = answer["launchRun"]["run"]["runId"]
    deadline = time.monotonic() + 120
    while True:
        found: Any = ask(served, STATUS_OF_RUN, id=run_id)
        status = found["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE") or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert status == "SUCCESS"
    assert [step["stepKey"] for step in found["runOrError"]["stepStats"]] == ["check_custody"]


def test_a_decision_is_one_sentence_with_its_guardrails(served: Served, browser: webdriver.Chrome) -> None:
    page = f"{served.dagster}/assets/adjudication_decision?view=overview"
    shown = visit(browser, page, "guardrails", "BELOW_CLIMATOLOGY", "decision id")
    assert "fires in" in shown


def test_checks_read_as_sentences(served: Served, browser: webdriver.Chrome) -> None:
    visit(browser, f"{served.dagster}/assets/provenance?view=checks", "ledger_chain_is_intact", "Succeeded")


def test_schedule_and_sensor_are_running(served: Served, browser: webdriver.Chrome) -> None:
    visit(
        browser,
        f"{served.dagster}/automation",
        "retraining_schedule",
        "prediction_schedule",
        "undecided_partition_sensor",
    )


def test_the_registry_page_of_mlflow_answers(served: Served, browser: webdriver.Chrome) -> None:
    visit(browser, f"{served.mlflow}/#/experiments", "forest_fire_risk")


def test_servers_listen_on_loopback_only(served: Served) -> None:
    for address in (served.dagster, served.mlflow):
        assert listening_addresses(int(address.rsplit(":", 1)[1])) == {LOOPBACK_IPV4}


def listening_addresses(port: int) -> set[str]:
    """Addresses, as Linux writes them in hexadecimal, on which something listens at `port`."""
    lines = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    places = [line[1].split(":") for line in lines if line[3] == LISTENING]
    return {address for address, at in places if int(at, 16) == port}


def test_ctrl_c_stops_everything_and_a_second_up_resumes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    small = {"FOREST_FIRE_UP_PERIODS": "1", "FOREST_FIRE_RECIPE_NAMES": '["logistic"]'}
    with serve(home, **small) as first:
        assert "1 decision recorded" in first.output.read_text()
    assert first.process.returncode == 0
    assert left_behind(home) == []
    with serve(home, **small) as second:
        assert " recorded, " not in second.output.read_text()
    assert left_behind(home) == []


def left_behind(home: Path) -> list[str]:
    """Command lines of processes that still mention the home."""
    commands = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(home) in command:
                commands.append(command)
    return commands


LAUNCH = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename } }"""
LAUNCH_RUN = """mutation($p: ExecutionParams!) {
  launchRun(executionParams: $p) { __typename ... on LaunchRunSuccess { run { runId } } }
}"""
STATUS_OF_RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status stepStats { stepKey } } } }"""
STATUSES = """{ partitionBackfillsOrError { ... on PartitionBackfills { results { title status } } } }"""
ASSETS = (
    "weather",
    "fire_reports",
    "features",
    "holdout_set",
    "candidate_model",
    "adjudication_decision",
    "registry_state",
    "provenance",
)


def ask(served: Served, query: str, **variables: object) -> dict[str, object]:
    """Send to Dagster what its own pages send."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{served.dagster}/graphql", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        read: dict[str, object] = json.load(answer)["data"]
        return read


def test_ranges_backfill_from_the_graph_page_and_from_the_job_page(served: Served) -> None:
    rows = json.loads(command(served, "history", "--retrainings", "--json"))
    keys = [row["partition"] for row in rows[:2]]
    location = {"repositoryName": "__repository__", "repositoryLocationName": "forest_fire_retrain"}
    job = {"partitionSetName": "retraining_job_partition_set", "repositorySelector": location}
    selection = [{"path": [asset]} for asset in ASSETS]
    ask(served, LAUNCH, p={"assetSelection": selection, "partitionNames": keys, "title": "graph page"})
    ask(served, LAUNCH, p={"selector": job, "partitionNames": keys, "title": "job page"})
    assert wait_for_backfills(served) == {"graph page": "COMPLETED_SUCCESS", "job page": "COMPLETED_SUCCESS"}
    events = json.loads(command(served, "history", "--events", "--json"))
    replays = [row["partition_key"] for row in events if row["kind"] == "replay"]
    assert sorted(replays) == sorted(keys * 2)
    assert json.loads(command(served, "history", "--retrainings", "--json")) == rows


def wait_for_backfills(served: Served) -> dict[str, str]:
    """Status of each backfill by its title, once none is under way."""
    deadline = time.monotonic() + 300
    while True:
        answer: Any = ask(served, STATUSES)
        found = {row["title"]: row["status"] for row in answer["partitionBackfillsOrError"]["results"]}
        if time.monotonic() > deadline or all(status != "REQUESTED" for status in found.values()):
            return found
        time.sleep(2)


def command(served: Served, *words: str) -> str:
    """What `forest-fire` prints about the served home."""
    program = str(Path(sys.executable).parent / "forest-fire")
    home = {**os.environ, "FOREST_FIRE_HOME": str(served.home)}
    return subprocess.run([program, *words], env=home, check=True, capture_output=True, text=True).stdout
