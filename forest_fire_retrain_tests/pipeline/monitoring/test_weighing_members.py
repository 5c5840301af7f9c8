"""Weights follow from the log and the reports alone, once a week, and again when the champion is another one."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain import operations
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.drafts import draft_shadow
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, EntryKind, LedgerEntry, Stamp, seal
from forest_fire_retrain.core.ledger.payloads import ShadowPayload
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.ledger.weights import WeightsPayload
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.routing.mixture import MixtureRule, weigh
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.rows.row_versions import current_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, Role
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.custody.proving_mixtures import check_weights
from forest_fire_retrain.pipeline.custody.verifying import check_words
from forest_fire_retrain.pipeline.monitoring import weighing_members
from forest_fire_retrain_tests.example_installation import throwaway_home
from forest_fire_retrain_tests.example_reigns import Reigns, ingest, stamp_at, three_reigns
from forest_fire_retrain_tests.fakes.lake import TableVersion
from forest_fire_retrain_tests.pipeline.monitoring.test_comparing_shadows import say

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
CROWNED = dt.datetime(2025, 7, 28, tzinfo=dt.UTC)
LATER_WEEKS = [f"{dt.date(2025, 7, 28) + n * 7 * DAY}" for n in range(7)]
AUGUST = [dt.date(2025, 8, 4) + n * DAY for n in range(21)]
MONDAY = dt.date(2025, 9, 8)


def two_models() -> Reigns:
    """Version 3 was crowned on 28 July, and it and version 2 said something of three weeks of August; both answer."""
    reigns = three_reigns()
    changed = {"routing": Routing.MIXTURE, "warm_days": 300, "home": throwaway_home()}
    settings = reigns.installation.settings.model_copy(update=changed)
    reigns = reigns._replace(installation=replace(reigns.installation, settings=settings))
    previous, rows = GENESIS_HASH, reigns.ledger.rows
    for place, row in enumerate(rows):
        draft = EntryDraft.model_validate(row.model_dump(include=set(EntryDraft.model_fields)))
        rows[place] = seal(draft.model_copy(update={"recorded_at": CROWNED + place * MINUTE}), place + 1, previous)
        previous = rows[place].entry_hash
    ingest(reigns.installation, LATER_WEEKS)
    say(reigns, AUGUST, 3)
    say(reigns, AUGUST, 2, Role.SHADOW)
    return reigns


def settle(reigns: Reigns, day: dt.date = MONDAY, hour: int = 7) -> LedgerEntry | None:
    at = dt.datetime.combine(day, dt.time(hour), tzinfo=dt.UTC)
    return operations.settle_weights(reigns.installation, Stamp(at, "schedule", "schedule"))


def payload_of(row: LedgerEntry | None) -> WeightsPayload:
    assert row is not None
    return WeightsPayload.read(row)


def losses_of(reigns: Reigns, rows: pa.Table) -> float:
    fires = current_rows(reigns.lake.read(TableName.FIRES), TableName.FIRES).to_pylist()
    burnt = {(row["cell_id"], row["date"]) for row in fires}
    keys = zip(rows["cell_id"].to_pylist(), rows["date"].to_pylist(), strict=True)
    return float(log_losses(np.array([key in burnt for key in keys]), rows["probability"].to_numpy()).sum())


def order(reigns: Reigns, version: int) -> None:
    candidate = reigns.state.candidates[version]
    payload = ShadowPayload(
        candidate_id=candidate.candidate_id,
        partition_key=candidate.windows.partition_key,
        version=version,
        until=dt.date(2026, 6, 1),
        reason="a trial",
    )
    name = reigns.installation.settings.model_name
    reigns.ledger.append(
        draft_shadow(payload, model_name=name, champion=reigns.state.champion, stamp=stamp_at(reigns.installation))
    )


def roll_back(reigns: Reigns) -> None:
    operations.roll_back(
        reigns.installation, to_version=None, reason="worse", freeze_until=None, stamp=stamp_at(reigns.installation)
    )


def test_weights_are_fixed_share_over_the_losses_of_the_log() -> None:
    reigns = two_models()
    row = settle(reigns)
    found = payload_of(row)
    assert [week.week.start for week in found.weeks] == [AUGUST[0], AUGUST[7], AUGUST[14]]
    log = reigns.lake.read(PREDICTIONS)
    losses = np.array([week.losses for week in found.weeks])
    for place, version in enumerate((3, 2)):
        own = log.filter(pa.array([held == version for held in log["model_version"].to_pylist()]))
        assert losses[:, place].sum() == pytest.approx(losses_of(reigns, own))
    again = weigh(losses, [False, False], MixtureRule())
    assert [member.weight for member in found.members] == [weight.weight for weight in again]
    assert [(member.version, member.n_weeks, member.n_days) for member in found.members] == [(3, 3, 21), (2, 3, 21)]
    assert (found.day, found.known_at, found.rate, found.share) == (
        MONDAY,
        dt.datetime(2025, 9, 8, tzinfo=dt.UTC),
        1.0,
        0.02,
    )
    assert row is not None
    assert row.summary.startswith("The mixture is weighed from 2025-09-08 on, by 3 weeks that more than one model was")
    assert (check_words(reigns.ledger.rows), check_weights(reigns.ledger.rows)) == ([], [])


def test_the_same_day_and_the_same_week_are_weighed_once_and_the_next_week_again() -> None:
    reigns = two_models()
    assert settle(reigns) is not None
    assert settle(reigns) is None
    assert settle(reigns, hour=23) is None
    assert settle(reigns, MONDAY + 6 * DAY) is None
    assert payload_of(settle(reigns, MONDAY + 7 * DAY)).day == MONDAY + 7 * DAY
    assert [row.kind for row in reigns.ledger.rows].count(EntryKind.WEIGHTS) == 2


def test_the_same_rows_lead_to_the_same_weights_whoever_asks_and_at_whatever_hour() -> None:
    first, second = two_models(), two_models()
    one, two = settle(first), settle(second, hour=19)
    assert one is not None
    assert two is not None
    assert one.payload_json == two.payload_json


def test_a_home_without_the_setting_is_not_weighed() -> None:
    reigns = two_models()
    before = list(reigns.ledger.rows)
    settings = reigns.installation.settings.model_copy(update={"routing": Routing.CHAMPION})
    alone = replace(reigns.installation, settings=settings)
    assert operations.settle_weights(alone, stamp_at(alone)) is None
    assert reigns.ledger.rows == before


def test_a_week_that_a_member_was_not_scored_on_throughout_does_not_count_for_it() -> None:
    reigns = two_models()
    log = reigns.lake.read(PREDICTIONS)
    gone = [
        not (role == "shadow" and day == AUGUST[3])
        for role, day in zip(log["role"].to_pylist(), log["date"].to_pylist(), strict=True)
    ]
    reigns.lake.tables[PREDICTIONS].append(TableVersion(log.filter(pa.array(gone)), None))
    found = payload_of(settle(reigns))
    assert [week.week.start for week in found.weeks] == [AUGUST[7], AUGUST[14]]  # one member alone compares nothing
    assert [member.n_weeks for member in found.members] == [2, 2]


def test_reports_that_are_not_due_and_doubted_weeks_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    reigns = two_models()
    assert len(payload_of(settle(reigns, AUGUST[-1] + DAY)).weeks) == 1
    reigns = two_models()
    doubted = Interval(start=AUGUST[8], end=AUGUST[9])
    monkeypatch.setattr(weighing_members, "find_doubted", lambda *_args, **_known: [doubted])
    assert [week.week.start for week in payload_of(settle(reigns)).weeks] == [AUGUST[0], AUGUST[14]]


def test_reports_that_come_late_lead_to_the_weights_that_timely_ones_lead_to() -> None:
    timely, late = two_models(), two_models()
    held, mark = late.lake.read(TableName.FIRES), late.lake.complete_through(TableName.FIRES)
    inside = [day < AUGUST[7] or day > AUGUST[-1] for day in held["date"].to_pylist()]
    late.lake.overwrite(TableName.FIRES, held.filter(pa.array(inside)))
    late.lake.append(TableName.FIRES, held.slice(0, 0), through=mark)
    without = payload_of(settle(late))
    late.lake.overwrite(TableName.FIRES, held)
    late.lake.append(TableName.FIRES, held.slice(0, 0), through=mark)
    settle(timely)
    one, two = (payload_of(settle(reigns, MONDAY + 7 * DAY)) for reigns in (timely, late))
    assert (one.members, one.weeks) == (two.members, two.weeks)
    assert without.weeks != one.weeks


def test_a_tainted_member_has_no_weight_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    reigns = two_models()
    bad = reigns.state.candidates[2].candidate_id
    monkeypatch.setattr(weighing_members, "was_tainted", lambda candidate, *_args: candidate.candidate_id == bad)
    found = payload_of(settle(reigns))
    assert [(member.weight, member.reason) for member in found.members] == [
        (1.0, "matured weeks"),
        (0.0, "trained on suspect labels"),
    ]
    assert check_weights(reigns.ledger.rows) == []


def test_a_member_that_a_guardrail_rejected_has_no_weight_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    reigns = two_models()
    bad = reigns.state.candidates[2].windows.partition_key
    read = weighing_members.fold

    def fold_with_rejection(rows: list[LedgerEntry]) -> LedgerState:
        state = read(rows)
        rejected = {"outcome": Outcome.REJECTED_BY_GUARDRAIL}
        state.decisions[bad] = state.decisions[bad].model_copy(update=rejected)
        return state

    monkeypatch.setattr(weighing_members, "fold", fold_with_rejection)
    found = payload_of(settle(reigns))
    assert [(member.weight, member.reason) for member in found.members] == [
        (1.0, "matured weeks"),
        (0.0, "rejected by a guardrail"),
    ]
    assert check_weights(reigns.ledger.rows) == []


def test_after_a_rollback_the_quarantined_member_has_no_weight_though_the_weights_are_young() -> None:
    reigns = two_models()
    order(reigns, 1)
    settle(reigns)
    roll_back(reigns)
    order(reigns, 3)
    found = payload_of(settle(reigns, MONDAY + DAY))
    assert [(member.version, member.weight > 0, member.reason) for member in found.members] == [
        (2, True, "matured weeks"),
        (1, True, "no matured week yet"),
        (3, False, "rolled back from"),
    ]
    assert sum(member.weight for member in found.members) == pytest.approx(1.0)
    assert check_weights(reigns.ledger.rows) == []


def test_weights_that_do_not_follow_from_the_losses_beside_them_are_found() -> None:
    reigns = two_models()
    row = settle(reigns)
    payload = payload_of(row)
    assert row is not None
    other = payload.members[1].model_copy(update={"weight": payload.members[1].weight + 1e-3})
    forged = payload.model_copy(update={"members": (payload.members[0], other)})
    changed = row.model_copy(update={"payload_json": forged.to_json()})
    (fault,) = check_weights([*reigns.ledger.rows[:-1], changed])
    assert f"row {row.sequence}" in fault.what
