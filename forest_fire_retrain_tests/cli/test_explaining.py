"""`forest-fire explain` on a real home: answers, pages, refusals and their exit codes."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in
from forest_fire_retrain_tests.example_predictions import log_predictions

pytestmark = pytest.mark.slow

DAYS = [dt.date(2025, 7, 18) + dt.timedelta(days=ahead) for ahead in range(4)]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """A champion, a candidate that it won against, and four days in the log."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("logged") / "home", environment)
        furnish(home, environment, store_template)
        environment.setenv("FOREST_FIRE_RECIPE_NAMES", '["gradient_boosting"]')
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-21") == 0
        log_predictions(build_installation(load_settings()), DAYS)
        yield home


@pytest.fixture
def first_cell(logged: Path) -> str:
    assert logged.exists()
    cell: str = min(build_installation(load_settings()).lake.read(PREDICTIONS)["cell_id"].to_pylist())
    return cell


def test_a_prediction_is_explained_on_the_screen_as_json_and_as_a_page(
    first_cell: str, forest_fire: Run, tmp_path: Path
) -> None:
    about, page = ("--cell", first_cell, "--date", "2025-07-20"), tmp_path / "page.html"
    said = forest_fire("explain", *about, "--html", str(page))
    assert (said.code, said.err) == (0, "")
    assert "gave the same chance, to the bit" in said.out
    assert "The general level of the model" in said.out
    assert "odds x" in said.out
    answer = json.loads(forest_fire("explain", *about, "--json").out)
    parts = answer["breakdown"]
    added = parts["general_level"]["log_odds"] + sum(line["log_odds"] for line in parts["lines"])
    assert added == pytest.approx(parts["log_odds"], abs=1e-9)
    assert answer["champion_now"]["version"] == answer["prediction"]["model_version"] == 1
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_supposition_is_marked_and_leaves_the_log_as_it_was(first_cell: str, forest_fire: Run) -> None:
    lake = build_installation(load_settings()).lake
    before = lake.version(PREDICTIONS)
    about = ("--cell", first_cell, "--date", "2025-07-20", "--set", "precip_7d_mm=90", "--set", "dc=missing")
    said = forest_fire("explain", *about)
    assert "SUPPOSED, never predicted and not logged: 90 mm of rain in the last 7 days" in said.out
    assert "does not move along" in said.out
    answer = json.loads(forest_fire("explain", *about, "--json").out)
    assert answer["is_supposed"] is True
    assert [change["after"] for change in answer["changes"]] == [90.0, None]
    assert lake.version(PREDICTIONS) == before


def test_a_decision_is_explained_on_its_own_rows(logged: Path, forest_fire: Run) -> None:
    assert logged.exists()
    said = forest_fire("explain", "--partition", "2025-07-14")
    assert said.code == 0
    assert "They disagree most: cell" in said.out
    answer = json.loads(forest_fire("explain", "--partition", "2025-07-14", "--json").out)
    added = answer["general_level"]["log_odds"] + sum(feature["mean"] for feature in answer["features"])
    assert added == pytest.approx(answer["whole"]["mean"], abs=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a prediction with --cell and --date"),
        (("--cell", "nowhere"), "name a prediction with --cell and --date"),
        (("--partition", "2025-07-14", "--cell", "x"), "ask one of them"),
        (("--partition", "2025-07-07"), "there was no champion"),
        (("--partition", "someday"), "'someday' is not a day"),
        (("--cell", "nowhere", "--date", "2025-07-20"), "there is no cell 'nowhere'"),
    ],
)
def test_half_a_question_is_wrong_use(logged: Path, forest_fire: Run, words: tuple[str, ...], said: str) -> None:
    assert logged.exists()
    answer = forest_fire("explain", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_day_that_is_not_in_the_log_says_how_to_get_it(first_cell: str, forest_fire: Run) -> None:
    answer = forest_fire("explain", "--cell", first_cell, "--date", "2025-06-01")
    assert answer.code == 2
    assert "Run: forest-fire predict --date 2025-06-01 --retro" in answer.err
    wrong = forest_fire("explain", "--cell", first_cell, "--date", "2025-07-20", "--set", "precip_7=0")
    assert wrong.code == 2
    assert "the nearest: precip_mm, precip_7d_mm" in wrong.err


def test_what_cannot_be_said_again_is_the_answer_no_and_nothing_is_drawn(
    first_cell: str, forest_fire: Run, tmp_path: Path
) -> None:
    about, page = ("--cell", first_cell, "--date", "2025-07-20"), tmp_path / "page.html"
    installation = build_installation(load_settings())
    stored = fold(installation.ledger.entries()).candidates[1].stored
    (artifact,) = logged_files(stored.model_uri)
    held = artifact.read_bytes()
    artifact.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    try:
        answer = forest_fire("explain", *about, "--html", str(page))
        told = json.loads(forest_fire("explain", *about, "--json").out)
    finally:
        artifact.write_bytes(held)
    assert (answer.code, answer.out) == (1, "")
    assert "cannot be said again, so that nothing is explained" in answer.err
    assert told["reproduced"] is False
    assert "SHA-256" in told["why"]
    assert not page.exists()


def logged_files(model_uri: str) -> list[Path]:
    """The model's file in the store."""
    home = load_settings().home
    return [path for path in home.rglob("model.skops") if model_uri.removeprefix("models:/") in str(path)]
