"""A mixture answers where it is asked to and can be proved; otherwise the champion does, and says why."""

import datetime as dt
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain import operations, shadows
from forest_fire_retrain.cli.overseeing import _describe_routing
from forest_fire_retrain.cli.predicting import _choose
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import LakeError, NotReproducedError, TrackingError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.weights import WeightsPayload
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.issues import answer_of_day
from forest_fire_retrain.core.serving.mixed_rows import mix_again, read_mixture
from forest_fire_retrain.core.serving.prediction_log import FEATURE_COLUMNS, PREDICTIONS, Role
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.custody.proving_mixtures import check_mixtures
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_log
from forest_fire_retrain.pipeline.serving.reporting import sentence_on
from forest_fire_retrain_tests.example_reigns import Reigns, stamp_at, three_reigns
from forest_fire_retrain_tests.fakes.lake import TableVersion
from forest_fire_retrain_tests.pipeline.monitoring.test_weighing_members import order, roll_back, settle, two_models
from forest_fire_retrain_tests.pipeline.serving.test_predicting import (
    AT_EIGHT,
    DAY,
    EVER,
    TODAY,
    Changed,
    forecast,
    predict,
)

LATER = AT_EIGHT + dt.timedelta(hours=3)


def rows_of(reigns: Reigns, role: Role) -> pa.Table:
    """Rows of today and later."""
    log = read_log(reigns.lake, EVER.model_copy(update={"start": TODAY}))
    return log.filter(pc.equal(log["role"], role.value)).sort_by([("date", "ascending"), ("cell_id", "ascending")])


def with_routing(installation: Installation, routing: Routing) -> Installation:
    return replace(installation, settings=installation.settings.model_copy(update={"routing": routing}))


def weighed() -> Reigns:
    reigns = two_models()
    settle(reigns, TODAY)
    return reigns


def answer(reigns: Reigns, now: dt.datetime = AT_EIGHT) -> PredictedDay:
    (said,) = predict(reigns.installation, now=now)
    return said


def test_a_mixture_is_the_mean_of_its_parts_by_their_weights_and_names_them() -> None:
    reigns = weighed()
    said = answer(reigns)
    weights = WeightsPayload.read(reigns.ledger.rows[-1])
    mixed, champion, shadow = (rows_of(reigns, role) for role in (Role.MIXTURE, Role.CHAMPION, Role.SHADOW))
    one, two = (member.weight / sum(m.weight for m in weights.members) for member in weights.members)
    mean = one * champion["probability"].to_numpy() + two * shadow["probability"].to_numpy()
    assert mixed["probability"].to_numpy().tobytes() == mean.tobytes()
    same = ["date", "cell_id", "kind", "feature_hash", "known_at", "scored_at", "table_versions", *FEATURE_COLUMNS]
    assert mixed.select(same).equals(champion.select(same))
    assert (said.issue.role, said.issue.author, said.is_new, said.warnings) == (Role.MIXTURE, "the mixture", True, ())
    assert said.rows["rank"].to_pylist() == sorted(said.rows["rank"].to_pylist())
    assert sentence_on(said).startswith("the mixture, 6 cells")
    mixture = read_mixture(mixed)
    assert (mixture.weights_row, mixture.weights_sha256) == (
        reigns.ledger.rows[-1].sequence,
        reigns.ledger.rows[-1].entry_hash,
    )
    assert [(part.version, part.share) for part in mixture.parts] == [(3, one), (2, two)]
    assert mixed["artifact_sha256"][0].as_py() == fingerprint_text(mixed["model_id"][0].as_py())
    assert reigns.lake.version(PREDICTIONS) is not None


def test_what_champion_and_shadow_say_is_the_same_to_the_byte_with_a_mixture_and_without() -> None:
    with_mixture, without = weighed(), weighed()
    version = with_mixture.lake.version(PREDICTIONS)
    answer(with_mixture)
    predict(with_routing(without.installation, Routing.CHAMPION))
    for role in (Role.CHAMPION, Role.SHADOW):
        assert rows_of(with_mixture, role).equals(rows_of(without, role))
    assert rows_of(without, Role.MIXTURE).num_rows == 0
    assert with_mixture.lake.version(PREDICTIONS) == (version or 0) + 1  # one commit


def test_the_mixture_stands_for_the_day_while_it_serves_and_the_champion_afterwards() -> None:
    reigns = weighed()
    said = answer(reigns)
    issues = issues_between(reigns.lake, EVER)
    assert answer_of_day(issues, TODAY, Role.MIXTURE) == said.issue
    standing = answer_of_day(issues, TODAY)
    assert standing is not None
    assert (standing.role, standing.version) == (Role.CHAMPION, 3)
    assert _choose(issues, [TODAY], TODAY, retro=False, served_by=Role.MIXTURE) == [said.issue]
    assert _choose(issues, [TODAY], TODAY, retro=False) == [standing]
    for routing, role in ((Routing.MIXTURE, Role.MIXTURE), (Routing.CHAMPION, Role.CHAMPION)):
        (later,) = predict(with_routing(reigns.installation, routing), TODAY, now=AT_EIGHT + 3 * DAY)
        assert later.issue.role is role


def test_the_same_inputs_again_write_nothing() -> None:
    reigns = weighed()
    first, version = answer(reigns), reigns.lake.version(PREDICTIONS)
    again = answer(reigns, LATER)
    assert (again.is_new, again.issue) == (False, first.issue)
    assert reigns.lake.version(PREDICTIONS) == version


def test_days_ahead_are_mixed_too() -> None:
    reigns = weighed()
    ahead = forecast(reigns.installation.source, TODAY, 1, AT_EIGHT - dt.timedelta(hours=1))
    installation = replace(reigns.installation, source=Changed(reigns.installation.source, ahead))
    said = predict(installation)
    assert [(day.issue.lead_days, day.issue.role) for day in said] == [(0, Role.MIXTURE), (1, Role.MIXTURE)]
    assert len({day.issue.name for day in said}) == 2
    assert check_mixtures(reigns.lake, reigns.ledger.rows) == []


@pytest.mark.parametrize(
    ("day", "why"), [(None, "the ledger holds no weights yet"), (TODAY - 7 * DAY, "hold until 2026-03-02 only")]
)
def test_without_weights_that_hold_the_champion_alone_answers(day: dt.date | None, why: str) -> None:
    reigns = two_models()
    if day is not None:
        settle(reigns, day)
    said = answer(reigns)
    assert (said.issue.role, said.issue.version) == (Role.CHAMPION, 3)
    (warning,) = said.warnings
    assert warning.startswith("the champion alone answers, not the mixture: ")
    assert why in warning
    assert rows_of(reigns, Role.MIXTURE).num_rows == 0


def torn(reigns: Reigns) -> Installation:
    """The same home, in which the bytes of version 2 are others."""
    held = reigns.state.candidates[2].stored

    class Torn:
        def load(self, stored: object) -> object:
            if stored == held:
                msg = "its bytes are others"
                raise TrackingError(msg)
            return reigns.installation.models.load(stored)  # type: ignore[arg-type]

    return replace(reigns.installation, models=Torn())  # type: ignore[arg-type]


def test_a_part_that_cannot_be_proved_leaves_the_champion_alone() -> None:
    reigns = weighed()
    (said,) = predict(torn(reigns))
    assert said.issue.role is Role.CHAMPION
    assert any("version 2 has a share and was not scored" in warning for warning in said.warnings)


def test_what_is_answered_last_stands_for_the_day_though_champion_and_mixture_take_turns() -> None:
    reigns = weighed()
    answer(reigns)
    for hours, installation, role in (
        (1, torn(reigns), Role.CHAMPION),
        (2, torn(reigns), Role.CHAMPION),
        (3, reigns.installation, Role.MIXTURE),
        (4, reigns.installation, Role.MIXTURE),
        (5, torn(reigns), Role.CHAMPION),
    ):
        version = reigns.lake.version(PREDICTIONS)
        (said,) = predict(installation, now=AT_EIGHT + dt.timedelta(hours=hours))
        assert (said.issue.role, said.is_new) == (role, hours not in (2, 4))
        assert (reigns.lake.version(PREDICTIONS) == version) is not said.is_new
        assert answer_of_day(issues_between(reigns.lake, EVER), TODAY, Role.MIXTURE) == said.issue
    assert check_mixtures(reigns.lake, reigns.ledger.rows) == []


def test_a_shadow_that_was_ordered_since_is_no_part_before_it_is_weighed() -> None:
    reigns = weighed()
    order(reigns, 1)
    assert [part.version for part in read_mixture(answer(reigns).rows).parts] == [3, 2]
    assert {issue.version for issue in issues_between(reigns.lake, EVER) if issue.date == TODAY} == {0, 1, 2, 3}


def test_a_rollback_ends_the_weights_at_once_and_who_was_rolled_back_from_is_no_part() -> None:
    reigns = weighed()
    order(reigns, 1)
    roll_back(reigns)
    said = answer(reigns)
    assert (said.issue.role, said.issue.version) == (Role.CHAMPION, 2)
    assert "are those of another champion, version 3" in said.warnings[0]
    settle(reigns, TODAY)
    mixed = answer(reigns, LATER)
    assert mixed.issue.role is Role.MIXTURE
    assert [part.version for part in read_mixture(mixed.rows).parts] == [2, 1]
    assert check_mixtures(reigns.lake, reigns.ledger.rows) == []


def test_where_one_model_alone_has_weight_it_is_the_champion_that_answers() -> None:
    reigns = two_models()
    settings = reigns.installation.settings.model_copy(update={"warm_days": 0})
    alone = replace(reigns.installation, settings=settings)
    operations.settle_weights(alone, stamp_at(alone)._replace(recorded_at=AT_EIGHT))
    (said,) = predict(alone)
    assert said.issue.role is Role.CHAMPION
    assert "version 3 alone has weight" in said.warnings[0]


def test_a_home_without_the_setting_has_no_mixture_and_no_weights() -> None:
    reigns = three_reigns()
    assert reigns.installation.settings.routing is Routing.CHAMPION
    predict(reigns.installation)
    assert rows_of(reigns, Role.MIXTURE).num_rows == 0
    assert EntryKind.WEIGHTS not in {row.kind for row in reigns.ledger.rows}


def test_quality_has_a_line_for_the_mixture_beside_those_of_shadows() -> None:
    reigns = weighed()
    answer(reigns)
    held = shadows.compare_shadows(reigns.installation, AT_EIGHT + DAY)
    assert [(row.name, row.n_days_open) for row in held] == [("version 2", 1), ("the mixture", 1)]
    assert str(held[1]) == "the mixture beside version 3: no matured day yet, 1 day without reports that count"


def test_what_status_says_of_the_routing_follows_from_ledger_and_setting() -> None:
    reigns = two_models()
    observed = SimpleNamespace(state=reigns.state, now=AT_EIGHT)
    settings = reigns.installation.settings
    told = _describe_routing(settings, observed)  # type: ignore[arg-type] # what it reads of it
    assert told == "mixture, but the champion alone answers: the ledger holds no weights yet"
    settle(reigns, TODAY)
    observed = SimpleNamespace(state=reigns.state, now=AT_EIGHT)
    told = _describe_routing(settings, observed)  # type: ignore[arg-type] # as above
    assert re.fullmatch(r"mixture: version 3 0\.\d{3}, version 2 0\.\d{3} \(row 7\)", told)
    alone = with_routing(reigns.installation, Routing.CHAMPION).settings
    assert _describe_routing(alone, observed) == "champion"  # type: ignore[arg-type] # as above


# ---- made again ----


def rewrite(reigns: Reigns, name: str, change: dict[Role, object]) -> None:
    log = reigns.lake.read(PREDICTIONS)
    values = [
        change.get(Role(role), value) if date == TODAY else value
        for role, date, value in zip(*(log[c].to_pylist() for c in ("role", "date", name)), strict=True)
    ]
    place = log.column_names.index(name)
    changed = log.set_column(place, log.schema.field(place), pa.array(values, log.schema.field(place).type))
    reigns.lake.tables[PREDICTIONS].append(TableVersion(changed, None))


def test_every_row_of_a_mixture_is_made_again_alone_and_together_bit_for_bit() -> None:
    reigns = weighed()
    answer(reigns)
    log = read_log(reigns.lake, EVER)
    of_day = log.filter(pc.equal(log["date"], pa.scalar(TODAY)))
    mixed = rows_of(reigns, Role.MIXTURE)
    assert mix_again(mixed, of_day).tobytes() == mixed["probability"].to_numpy().tobytes()
    for place in range(mixed.num_rows):
        row = mixed.slice(place, 1)
        assert mix_again(row, of_day).tobytes() == np.array(row["probability"].to_pylist()).tobytes()
    assert check_mixtures(reigns.lake, reigns.ledger.rows) == []


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("probability", {Role.MIXTURE: 0.5}, "its parts make other chances"),
        ("probability", {Role.SHADOW: 0.5}, "its parts make other chances"),
        ("artifact_sha256", {Role.SHADOW: "0" * 64}, "the log does not hold what candidate"),
        ("feature_hash", {Role.CHAMPION: "0" * 64}, "the log does not hold what candidate"),
        ("model_id", {Role.MIXTURE: "{}"}, "do not name the parts that their hash is of"),
    ],
)
def test_a_mixture_that_its_parts_do_not_make_is_found(name: str, change: dict[Role, object], why: str) -> None:
    reigns = weighed()
    answer(reigns)
    rewrite(reigns, name, change)
    (fault,) = check_mixtures(reigns.lake, reigns.ledger.rows)
    assert fault.where == "log"
    assert why in fault.what


@pytest.mark.parametrize(("field", "why"), [("weights_sha256", "no weights of the hash"), ("parts", "its shares are")])
def test_a_mixture_of_other_weights_than_the_ledgers_is_found(field: str, why: str) -> None:
    reigns = weighed()
    answer(reigns)
    text = json.loads(rows_of(reigns, Role.MIXTURE)["model_id"][0].as_py())
    text[field] = "0" * 64 if field == "weights_sha256" else [{**part, "share": 0.5} for part in text["parts"]]
    forged = json.dumps(text, sort_keys=True, separators=(",", ":"))
    rewrite(reigns, "model_id", {Role.MIXTURE: forged})
    rewrite(reigns, "artifact_sha256", {Role.MIXTURE: fingerprint_text(forged)})
    (fault,) = check_mixtures(reigns.lake, reigns.ledger.rows)
    assert why in fault.what


def test_rows_whose_parts_cannot_be_read_are_refused() -> None:
    reigns = weighed()
    answer(reigns)
    rewrite(reigns, "model_id", {Role.MIXTURE: "[]"})
    rewrite(reigns, "artifact_sha256", {Role.MIXTURE: fingerprint_text("[]")})
    with pytest.raises(NotReproducedError, match="do not name its parts"):
        read_mixture(rows_of(reigns, Role.MIXTURE))


# ---- cut off ----


def test_a_run_that_is_cut_between_weights_and_log_is_finished_by_the_next_as_if_nothing_had_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, cut = weighed(), two_models()
    said = answer(whole)
    settle(cut, TODAY)

    def torn(*_args: object, **_known: object) -> None:
        msg = "cut"
        raise LakeError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(cut.lake, "append", torn)
        with pytest.raises(LakeError):
            answer(cut)
    assert settle(cut, TODAY, hour=9) is None
    assert answer(cut).issue.name == said.issue.name
    assert [row.entry_hash for row in cut.ledger.rows] == [row.entry_hash for row in whole.ledger.rows]
