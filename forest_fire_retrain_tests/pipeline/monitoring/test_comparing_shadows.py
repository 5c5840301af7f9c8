"""What counts in a comparison: both said it live, on the day, of every cell, on the same features, and it is known."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain import shadows
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.monitoring.shadow_comparison import ShadowComparison
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind, Role
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.monitoring import comparing_shadows
from forest_fire_retrain.pipeline.monitoring.comparing_shadows import weigh_rollback
from forest_fire_retrain.watching import comparing_desk
from forest_fire_retrain_tests.example_installation import NOW
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.example_reigns import Reigns, three_reigns
from forest_fire_retrain_tests.fakes.lake import TableVersion

JULY = [dt.date(2025, 7, 1) + n * dt.timedelta(days=1) for n in range(23)]
CROWNED = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


def crowned() -> Reigns:
    """Three reigns, the last of which began on 1 July."""
    reigns = three_reigns()
    for place, row in enumerate(reigns.ledger.rows):
        reigns.ledger.rows[place] = row.model_copy(update={"recorded_at": CROWNED})
    return reigns


def say(reigns: Reigns, days: list[dt.date], version: int, role: Role = Role.CHAMPION, hour: int = 8) -> pa.Table:
    written = []
    for day in days:
        at = dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC)
        written.append(
            log_predictions(
                reigns.installation, [day], kind=PredictionKind.LIVE, scored_at=at, version=version, role=role
            )
        )
    return pa.concat_tables(written)


def compare(reigns: Reigns, known_at: dt.datetime = NOW) -> list[ShadowComparison]:
    return shadows.compare_shadows(reigns.installation, known_at)


def rewrite_log(reigns: Reigns, rows: pa.Table) -> None:
    reigns.lake.tables[PREDICTIONS].append(TableVersion(rows, None))


def test_the_figures_are_those_of_the_rows_and_the_reports() -> None:
    reigns = crowned()
    served, beside = say(reigns, JULY, 3), say(reigns, JULY, 2, Role.SHADOW)
    (found,) = compare(reigns)
    fires = current_rows(reigns.lake.read(TableName.FIRES), TableName.FIRES).to_pylist()
    burnt = {(row["cell_id"], row["date"]) for row in fires}
    keys = zip(served["cell_id"].to_pylist(), served["date"].to_pylist(), strict=True)
    labels = np.array([key in burnt for key in keys])
    assert (found.version, found.champion, found.n_days, found.n_weeks) == (2, 3, 23, 3)
    assert (found.first_day, found.last_day, found.n_days_open) == (JULY[0], JULY[-1], 0)
    assert found.candidate_id == reigns.state.candidates[2].candidate_id
    assert found.n_fires == labels.sum() > 0
    assert found.expected_champion == pytest.approx(pc.sum(served["probability"]).as_py())
    assert found.expected_shadow == pytest.approx(pc.sum(beside["probability"]).as_py())
    for rows, loss in ((served, found.log_loss_champion), (beside, found.log_loss_shadow)):
        assert loss == pytest.approx(log_losses(labels, rows["probability"].to_numpy()).mean())
    assert found.low is not None
    assert found.high is not None
    assert found.relative_difference is not None
    assert found.low < found.relative_difference < found.high


def test_days_whose_reports_are_not_due_are_counted_apart() -> None:
    reigns = crowned()
    say(reigns, JULY, 3)
    say(reigns, JULY, 2, Role.SHADOW)
    (found,) = compare(reigns, dt.datetime(2025, 7, 24, 9, tzinfo=dt.UTC))
    assert (found.n_days, found.last_day, found.n_days_open) == (9, dt.date(2025, 7, 9), 14)
    assert str(found).startswith("version 2 beside version 3: 9 days from 2025-07-01 to 2025-07-09")
    (early,) = compare(reigns, dt.datetime(2025, 7, 12, tzinfo=dt.UTC))
    assert (early.n_days, early.n_days_open, early.relative_difference) == (0, 12, None)


def test_doubted_days_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    reigns = crowned()
    say(reigns, JULY, 3)
    say(reigns, JULY, 2, Role.SHADOW)
    doubted = Interval(start=JULY[3], end=JULY[6])
    monkeypatch.setattr(comparing_shadows, "find_doubted", lambda *_args, **_known: [doubted])
    (found,) = compare(reigns)
    assert (found.n_days, found.n_days_open) == (20, 3)


def test_only_what_was_said_by_both_of_every_cell_on_the_same_features_counts() -> None:
    reigns = crowned()
    say(reigns, JULY[:10], 3)
    say(reigns, JULY[2:12], 2, Role.SHADOW)
    log = reigns.lake.read(PREDICTIONS)
    first_cell = min(log["cell_id"].to_pylist())
    gone = [
        not (role == "shadow" and cell == first_cell and day == JULY[4])
        for role, cell, day in zip(*(log[name].to_pylist() for name in ("role", "cell_id", "date")), strict=True)
    ]
    other = [
        "0" * 64 if (role, day) == ("shadow", JULY[5]) else held
        for role, day, held in zip(*(log[name].to_pylist() for name in ("role", "date", "feature_hash")), strict=True)
    ]
    place = log.column_names.index("feature_hash")
    rewrite_log(reigns, log.set_column(place, log.schema.field(place), pa.array(other)).filter(pa.array(gone)))
    (found,) = compare(reigns)
    assert (found.first_day, found.last_day, found.n_days) == (JULY[2], JULY[9], 6)


def test_what_an_earlier_champion_said_and_what_was_said_afterwards_does_not_count() -> None:
    reigns = crowned()
    say(reigns, JULY[:5], 2)
    say(reigns, JULY[:7], 1, Role.SHADOW)
    say(reigns, JULY[5:7], 3)
    log_predictions(reigns.installation, JULY[7:9], version=3)
    log_predictions(reigns.installation, JULY[7:9], version=1, role=Role.SHADOW)
    (found,) = compare(reigns)
    assert (found.version, found.first_day, found.n_days) == (1, JULY[5], 2)


def test_of_several_issues_of_a_day_the_newest_of_each_counts() -> None:
    reigns = crowned()
    say(reigns, JULY[:3], 3)
    say(reigns, JULY[:3], 1, Role.SHADOW)
    once = compare(reigns)
    log = reigns.lake.read(PREDICTIONS)
    later = pa.array([at + dt.timedelta(hours=2) for at in log["known_at"].to_pylist()], log["known_at"].type)
    again = log.set_column(log.column_names.index("known_at"), log.schema.field("known_at"), later)
    names = pa.array([f"{name[:-1]}x" for name in log["issue"].to_pylist()])
    again = again.set_column(log.column_names.index("issue"), log.schema.field("issue"), names)
    rewrite_log(reigns, pa.concat_tables([log, again]))
    assert compare(reigns) == once


def test_every_shadow_of_the_reign_has_its_own_comparison_and_one_that_holds_and_said_nothing_an_empty_one() -> None:
    reigns = crowned()
    say(reigns, JULY[:3], 3)
    say(reigns, JULY[:3], 1, Role.SHADOW)
    say(reigns, JULY[:2], 2, Role.SHADOW)
    assert {found.version: found.n_days for found in compare(reigns)} == {1: 3, 2: 2}
    silent = three_reigns()
    settings = silent.installation.settings.model_copy(update={"warm_days": 28})
    (found,) = shadows.compare_shadows(replace(silent.installation, settings=settings), NOW)
    assert (found.version, found.n_days, found.n_days_open) == (2, 0, 0)


def test_without_a_champion_nothing_is_compared() -> None:
    reigns = three_reigns()
    reigns.ledger.rows.clear()
    assert compare(reigns) == []


def test_days_that_are_read_in_parts_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    reigns = crowned()
    say(reigns, JULY, 3)
    say(reigns, JULY, 2, Role.SHADOW)
    whole = compare(reigns)
    monkeypatch.setattr(comparing_shadows, "CHUNK_DAYS", 5)
    assert compare(reigns) == whole


# ---- what going back costs ----


def weigh(installation: Installation, reigns: Reigns, to_version: int | None = None) -> str | None:
    return weigh_rollback(comparing_desk(installation), reigns.state, to_version, NOW)


def test_what_going_back_costs_is_said_by_the_days_since_the_promotion() -> None:
    reigns = crowned()
    say(reigns, JULY, 3)
    say(reigns, JULY, 2, Role.SHADOW)
    said = weigh(reigns.installation, reigns)
    (found,) = compare(reigns)
    assert said == f"Going back costs {found.describe_difference()} in log loss, {found}."
    assert str(weigh(reigns.installation, reigns, 1)).startswith(
        "Nothing can be said of what going back costs: version 1 was not scored beside version 3 "
    )
    assert weigh(reigns.installation, reigns, 3) is None


def test_before_any_report_is_due_it_says_so() -> None:
    reigns = crowned()
    say(reigns, JULY, 3)
    say(reigns, JULY, 2, Role.SHADOW)
    early = weigh_rollback(comparing_desk(reigns.installation), reigns.state, None, CROWNED)
    assert early == (
        "Nothing can be said yet of what going back costs, version 2 beside version 3: no matured day yet, "
        "1 day without reports that count."
    )


def test_what_stands_in_the_way_of_the_answer_is_the_answer() -> None:
    reigns = crowned()
    say(reigns, JULY[:3], 3)
    say(reigns, JULY[:3], 2, Role.SHADOW)
    del reigns.lake.tables[TableName.FIRES]
    said = weigh(reigns.installation, reigns)
    assert said is not None
    assert said.startswith("What going back costs cannot be said: ")
