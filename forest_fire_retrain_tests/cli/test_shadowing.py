"""`forest-fire shadow` on a home whose stores are all real: ordered, scored, looked at, ended."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in

pytestmark = pytest.mark.slow

UNTIL = (read_clock() + dt.timedelta(days=30)).date().isoformat()
ORDER = ("shadow", "candidate", "--until", UNTIL, "--reason", "look at it")
CLEAN = "No fault: ledger, registry, copy, models and lake agree."


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """A champion, and a newer candidate that was not promoted."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("decided") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-14") == 0
        yield home


def events(home: Path) -> list[EntryKind]:
    return [row.kind for row in read_export(home / "export") if row.kind in (EntryKind.SHADOW, EntryKind.SHADOW_ENDED)]


def test_a_shadow_is_ordered_scored_looked_at_and_ended(decided: Path, forest_fire: Run) -> None:
    nobody = forest_fire("shadow")
    assert (nobody.code, nobody.out.startswith("Nobody is scored beside the champion.")) == (0, True)
    ordered = forest_fire(*ORDER)
    assert ordered.code == 0, ordered.err
    said = f"The candidate of 2025-07-14 is a shadow until {UNTIL}, scored beside the champion: look at it."
    assert ordered.out.replace("\n", " ").strip() == said
    assert "nothing was written" in forest_fire(*ORDER).out
    assert events(decided) == [EntryKind.SHADOW]
    (held,) = json.loads(forest_fire("status", "--json").out)["shadows"]
    assert held.startswith("the candidate of 2025-07-14: ordered by ")
    assert said in json.loads(forest_fire("history", "--events", "--json").out)[-1]["summary"]

    (day,) = json.loads(forest_fire("predict", "--json").out)["days"]
    listed = json.loads(forest_fire("predictions", "--json").out)
    assert {(row["role"], row["version"]) for row in listed} == {("champion", 1), ("shadow", 0)}
    assert DeltaLake(str(decided / "lake")).version(PREDICTIONS) == 0
    (beside,) = (row for row in listed if row["role"] == "shadow")
    assert day["issue"] != beside["name"]
    shown = forest_fire("predictions", "--issue", beside["name"]).out
    assert f"candidate {beside['candidate_id']} as a shadow" in " ".join(shown.split())
    cell = json.loads(forest_fire("predictions", "--issue", beside["name"], "--json").out)[0]["cell_id"]
    why = forest_fire("explain", "--cell", cell, "--date", day["date"], "--issue", beside["name"])
    assert why.code == 0, why.err
    assert "It was a shadow: it was scored beside the champion, and nobody was served by it." in why.out
    assert "Version 1 said" in forest_fire("explain", "--cell", cell, "--date", day["date"]).out

    report = json.loads(forest_fire("shadow", "--json").out)
    (shadow,), (compared,) = report["shadows"], report["comparisons"]
    assert (shadow["version"], shadow["partition_key"], shadow["until"]) == (None, "2025-07-14", UNTIL)
    assert (compared["n_days"], compared["n_days_open"], compared["candidate_id"]) == (0, 1, shadow["candidate_id"])
    assert compared["sentence"].endswith("no matured day yet, 1 day without reports that count")
    assert "no matured day yet" in forest_fire("shadow").out

    ended = forest_fire("shadow", "candidate", "--end", "--reason", "seen enough", "--json")
    assert json.loads(ended.out)["row"]["kind"] == "shadow_ended"
    assert json.loads(forest_fire("status", "--json").out)["shadows"] == []
    assert forest_fire("shadow", "candidate", "--end", "--reason", "seen enough").code == 0
    assert events(decided) == [EntryKind.SHADOW, EntryKind.SHADOW_ENDED]
    told = json.loads(forest_fire("history", "--shadows", "--json").out)
    assert [row["kind"] for row in told] == ["shadow", "shadow_ended"]
    assert "is scored no more" in " ".join(forest_fire("history", "--shadows").out.split())
    assert forest_fire("history", "--shadows", "--events").code == 2
    assert forest_fire("verify", "--deep").out.strip() == CLEAN


def test_a_mixture_is_weighed_served_explained_and_verified_where_a_setting_asks_for_it(
    decided: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert forest_fire(*ORDER).code == 0
    assert json.loads(forest_fire("status", "--json").out)["routing"] == "champion"
    monkeypatch.setenv("FOREST_FIRE_ROUTING", "mixture")
    assert "no weights yet" in json.loads(forest_fire("status", "--json").out)["routing"]
    done = json.loads(forest_fire("predict", "--json").out)
    (day,) = done["days"]
    assert (day["role"], day["version"], done["warnings"]) == ("mixture", 0, [])
    weights = read_export(decided / "export")[-1]
    assert weights.kind is EntryKind.WEIGHTS
    shares = json.loads(forest_fire("status", "--json").out)["routing"]
    assert shares.startswith("mixture: version 1 0.500, candidate ")
    assert weights.summary in json.loads(forest_fire("history", "--events", "--json").out)[-1]["summary"]
    cell = day["highest"][0]["cell_id"]
    asked = ("explain", "--cell", cell, "--date", day["date"])
    why = json.loads(forest_fire(*asked, "--json").out)
    assert why["prediction"]["role"] == "mixture"
    assert why["sum_of_shares"] == pytest.approx(1.0)
    assert why["sum_of_parts"] == pytest.approx(why["prediction"]["probability"])
    assert weights.summary in " ".join(forest_fire(*asked).out.split())
    page = decided.parent / "why.html"
    assert forest_fire(*asked, "--html", str(page)).code == 0
    assert "Its parts" in page.read_text()
    compared = json.loads(forest_fire("shadow", "--json").out)["comparisons"]
    assert [row["candidate_id"] for row in compared][-1] == "mixture"
    assert forest_fire("verify", "--deep").out.strip() == CLEAN
    monkeypatch.setenv("FOREST_FIRE_ROUTING", "champion")
    (alone,) = json.loads(forest_fire("predict", "--json").out)["days"]
    assert (alone["role"], alone["version"]) == ("champion", 1)
    assert json.loads(forest_fire(*asked, "--json").out)["prediction"]["role"] == "champion"
    assert json.loads(forest_fire(*asked, "--issue", day["issue"], "--json").out)["prediction"]["role"] == "mixture"
    assert forest_fire("verify", "--deep").out.strip() == CLEAN


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("1", "--until", UNTIL, "--reason", "x"), "version 1 is the champion, which is scored anyway"),
        (("7", "--until", UNTIL, "--reason", "x"), "the ledger knows no version 7 of forest_fire_risk"),
        (("candidate", "--until", "2025-01-01", "--reason", "x"), "would never be scored: today is"),
        (("candidate", "--until", UNTIL), "a shadow needs a reason"),
        (("candidate", "--reason", "x"), "with --until DATE, or with --end; or nothing at all"),
        (("candidate", "--end", "--until", UNTIL, "--reason", "x"), "with --until DATE, or with --end"),
        (("--until", UNTIL, "--reason", "x"), "with --until DATE, or with --end"),
        (("1", "--end", "--reason", "x"), "no order to score '1' beside the champion holds"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_writes_nothing(
    decided: Path, forest_fire: Run, words: tuple[str, ...], told: str
) -> None:
    before = read_export(decided / "export")
    answer = forest_fire("shadow", *words)
    assert (answer.code, answer.out) == (2, "")
    assert told in " ".join(answer.err.replace("│", " ").split())
    assert read_export(decided / "export") == before


def test_a_model_whose_file_was_changed_is_refused_and_a_shadow_that_breaks_later_stops_nothing(
    decided: Path, forest_fire: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shutil.copytree(decided, tmp_path / "home")
    monkeypatch.setenv("FOREST_FIRE_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    assert forest_fire(*ORDER[:-1], "before it breaks").code == 0
    newest = max((home / "mlflow" / "artifacts").rglob("model.skops"), key=lambda path: path.stat().st_mtime)
    newest.write_bytes(newest.read_bytes() + b"\0")
    refused = forest_fire(*ORDER[:-1], "once more")
    assert refused.code == 2
    assert "the candidate of 2025-07-14 cannot be scored beside the champion, nothing was changed" in refused.err
    said = json.loads(forest_fire("predict", "--json").out)
    assert len(said["days"]) == 1
    assert any("was not scored beside the champion, whose prediction stands" in told for told in said["warnings"])
