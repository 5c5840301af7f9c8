"""Group `retraining`: the holdout, and candidate, decision and its execution as one operation with three assets.

Partition by partition, in order: train, decide, move, confirm. No backfill can then decide a period before the one
before it is carried out, and a range that is cut has decided what it trained. Later candidates of a range are trained
meanwhile, in worker processes. A candidate can be trained without being decided on, and decided on again.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial

import dagster as dg
from pydantic import Field

from forest_fire_retrain.adapters.worker_processes import Workers
from forest_fire_retrain.core.alarms import ALARM_TRIGGER
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import EvidenceError, LedgerError, ProofError, TrackingError
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.ledger.reigns import MOVING
from forest_fire_retrain.core.ledger.state import state_before
from forest_fire_retrain.core.models.training import find_recipe
from forest_fire_retrain.core.periods import PeriodKind, is_active
from forest_fire_retrain.core.ports import Workshop
from forest_fire_retrain.core.records import Candidate, HoldoutSet, Knowledge, Recipe
from forest_fire_retrain.core.windows import RetrainingWindows
from forest_fire_retrain.defs.asset_arguments import DECISION, OWNERS, REGISTRY_STATE, Shape, asset_of
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.check_results import PeriodFinding, check_newest_period, check_periods
from forest_fire_retrain.defs.early_workers import hire_for_range
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.guardrail_words import describe_guardrail
from forest_fire_retrain.defs.metadata import dagster_run_page, describe_candidate, describe_holdout, mlflow_page
from forest_fire_retrain.defs.period_report import attach_pictures, chosen_of, draw_present_champion, report_partition
from forest_fire_retrain.defs.picture_files import CHAMPION, shown_at_once
from forest_fire_retrain.defs.replay_report import current_decisions, keep_current, keys_to_check
from forest_fire_retrain.defs.run_context import last_beside, periods_of, stamp_of, tell, warn
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import describe_passed_over, publish
from forest_fire_retrain.pipeline.preparing.holding_out import HOLDOUT_KIND, set_holdout_apart
from forest_fire_retrain.pipeline.preparing.snapshots import original_decision, take_snapshot
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudicate_partition, adjudication_of
from forest_fire_retrain.pipeline.retraining.choosing_recipes import Entrants, train_winner
from forest_fire_retrain.pipeline.retraining.judging import Question
from forest_fire_retrain.pipeline.retraining.naming_runs import name_ended_shadows, name_runs
from forest_fire_retrain.pipeline.retraining.training_candidates import CANDIDATE_KIND
from forest_fire_retrain.watching import find_alarm_behind

GROUP = "retraining"
CANDIDATE = "candidate_model"
POSTDATES_CHECK = "holdout_postdates_training"
BASELINE_CHECK = "candidate_beats_climatology"
GUARDRAIL_CHECKS = {
    ReasonCode.SCHEMA: "holdout_rows_fit_the_training_schema",
    ReasonCode.NON_FINITE: "predictions_are_probabilities",
    ReasonCode.BELOW_CLIMATOLOGY: BASELINE_CHECK,
    ReasonCode.MISCALIBRATED: "candidate_expects_about_the_recorded_fires",
    ReasonCode.PREDICTION_SHIFT: "candidate_predicts_about_as_many_fires_as_the_champion",
    ReasonCode.RANK_SHIFT: "candidate_ranks_cell_days_about_as_the_champion",
    ReasonCode.SLICE_REGRESSION: "no_region_gets_considerably_worse",
}


class KnownThen(Enum):
    """What a replay may know, spelled as on the command line: Dagster takes a member by its name."""

    as_corrected = Knowledge.AS_CORRECTED
    as_known = Knowledge.AS_KNOWN


class ReplayConfig(dg.Config):
    """What a rematerialized past period may know; a first materialization ignores it."""

    knowledge: KnownThen = Field(
        KnownThen.as_corrected,
        description="as_corrected: today's data for that window. as_known: exactly the table versions of the original.",
    )


def build_retraining_assets(shape: Shape, upstream: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """`holdout_set`, and `candidate_model`, `adjudication_decision` and `registry_state` together."""
    holdout = _build_holdout_set(shape, upstream)
    return [holdout, _build_retraining(shape, upstream, holdout)]


def _build_holdout_set(shape: Shape, upstream: list[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    @dg.asset(
        key=shape.key("holdout_set"),
        deps=upstream,
        group_name=shape.group(GROUP),
        kinds={"duckdb", "python"},
        owners=OWNERS,
        code_version=code_version_of("holdout_set"),
        description="Which rows judge this period: window, gap, counts, content hash and the table versions they "
        "come from. Persisted, hashed, recorded with the decision.",
        check_specs=[
            dg.AssetCheckSpec(
                POSTDATES_CHECK,
                asset=shape.key("holdout_set"),
                description="The holdout lies a full gap behind the training.",
            )
        ],
        **shape.shared,
    )
    @foreseen
    def holdout_set(
        context: dg.AssetExecutionContext, config: ReplayConfig, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult:
        lake, settings = installation.lake, installation.settings
        entries = installation.ledger.entries(settings.model_name)
        for key in periods_of(context, installation):
            windows = settings.periods.windows_of(key)
            original = original_decision(entries, key)
            snapshot = take_snapshot(lake, windows, original, config.knowledge.value, time_zone=settings.time_zone)
            holdout = set_holdout_apart(lake, installation.engine, installation.records, windows, snapshot)
            context.add_asset_metadata(describe_holdout(holdout), partition_key=key)
            sentence = f"{holdout.n_rows} rows with {counted(holdout.n_fires, 'fire')} {windows.holdout.when}"
            tell(context, installation, "holdout_set", key, sentence)
        checked = keys_to_check(context.partition_keys, installation.ledger.state(settings.model_name))
        findings = [find_distance(settings.periods.windows_of(key), settings.gap_days) for key in checked]
        return dg.MaterializeResult(check_results=[check_periods(POSTDATES_CHECK, findings)])

    return holdout_set


def find_distance(windows: RetrainingWindows, gap_days: int) -> PeriodFinding:
    """Days from the end of the training window to the holdout window, held against the configured gap."""
    n_days, last = (windows.holdout.start - windows.training.end).days, windows.training.end - dt.timedelta(days=1)
    sentence = (
        f"{counted(n_days, 'day')} between the last day of training, {last}, and the holdout window, "
        f"{windows.holdout}; the configured gap is {counted(gap_days, 'day')}"
    )
    return PeriodFinding(windows.partition_key, n_days >= gap_days, n_days, gap_days, sentence)


def _training_of(
    context: dg.AssetExecutionContext, installation: Installation, workshop: Workshop, partition_key: str
) -> Callable[[], Candidate]:
    holdout = _read_holdout(installation, partition_key)
    tags = {"dagster_run_id": context.run.run_id, "partition": partition_key, "asset": CANDIDATE}
    entrants = _entrants(installation, holdout.windows.as_of)
    return partial(train_winner, workshop, holdout, entrants, installation.environment, tags)


def _entrants(installation: Installation, as_of: dt.date) -> Entrants:
    settings = installation.settings
    return Entrants(
        recipes=tuple(find_recipe(name) for name in settings.recipe_names),
        last_good=_champion_recipe(installation, as_of) if settings.tuning_trials else None,
        n_trials=settings.tuning_trials,
        seed=settings.seed,
        n_threads=settings.n_threads,
    )


def _champion_recipe(installation: Installation, as_of: dt.date) -> Recipe | None:
    """The last known good parameters: those of the model in production as of the partition, also in a replay."""
    ledger, name = installation.ledger, installation.settings.model_name
    state = ledger.state(name)
    if state.newest_as_of is not None and state.newest_as_of >= as_of:
        state = state_before(ledger.entries(name), as_of)
    champion = None if state.champion is None else state.candidates.get(state.champion)
    return None if champion is None else champion.recipe


def _build_retraining(
    shape: Shape, upstream: list[dg.AssetsDefinition], holdout: dg.AssetsDefinition
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=shape.op("train_and_adjudicate"),
        specs=_specs(shape, upstream, holdout),
        check_specs=[
            dg.AssetCheckSpec(name, asset=shape.key(DECISION), description=f"Guardrail {code}.")
            for code, name in GUARDRAIL_CHECKS.items()
        ],
        can_subset=True,
        **shape.shared,
    )
    @foreseen
    def train_and_adjudicate(
        context: dg.AssetExecutionContext,
        installation: dg.ResourceParam[Installation],
        mlflow: dg.ResourceParam[object],  # noqa: ARG001 - opens the parent run
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = chosen_of(context)
        if not chosen:
            yield from _look_again(context, installation, shape)
            return
        keys, adjudications = periods_of(context, installation), list[Adjudication]()
        with (
            _publishing_if_cut(installation),
            installation.ledger.many_appends(),
            hire_for_range(installation, len(keys)) as workers,
        ):
            trained = _begin_training(context, installation, keys, workers) if CANDIDATE in chosen else None
            drawn = []
            for place, key in enumerate(keys):
                if trained is not None:
                    _show_candidate(context, installation, key, trained[place]())
                if {DECISION, REGISTRY_STATE} & chosen:
                    adjudications.append(_adjudicate(context, installation, key))
                    drawn.append(workers.begin(report_partition(context, installation, key, adjudications[-1])))
            for key, adjudication, pictures in zip(keys, adjudications, drawn, strict=False):
                attach_pictures(context, installation, key, adjudication, pictures())
        yield from _results(context, installation, keys, adjudications)

    return train_and_adjudicate


def _specs(shape: Shape, upstream: list[dg.AssetsDefinition], holdout: dg.AssetsDefinition) -> list[dg.AssetSpec]:
    candidate = dg.AssetSpec(
        shape.key(CANDIDATE),
        deps=[*upstream, holdout],
        group_name=shape.group(GROUP),
        kinds={"scikitlearn", "mlflow"},
        owners=OWNERS,
        code_version=code_version_of(CANDIDATE),
        description="The model trained on the rows before the gap: same inputs, same predictions bit for bit. "
        "One nested MLflow run each, stored by skops with its SHA-256.",
    )
    decision = dg.AssetSpec(
        shape.key(DECISION),
        deps=[holdout, candidate],
        group_name=shape.group(GROUP),
        kinds={"python", "duckdb"},
        owners=OWNERS,
        code_version=code_version_of(DECISION),
        description="Champion and candidate on the same unseen rows; a pure function decides, and the decision is "
        "appended to the ledger. A past period is judged as a replay and moves nothing.",
    )
    registry = dg.AssetSpec(
        shape.key(REGISTRY_STATE),
        deps=[decision],
        group_name=shape.group(GROUP),
        kinds={"mlflow", "python"},
        owners=OWNERS,
        code_version=code_version_of(REGISTRY_STATE),
        description="The registry as the ledger wants it: the version registered, tagged and described, the replaced "
        "one archived, the alias champion moved last, read back and confirmed in the ledger."
        + shown_at_once(CHAMPION, "champions by period, and their skill against climatology"),
    )
    return [candidate, decision, registry]


def _begin_training(
    context: dg.AssetExecutionContext, installation: Installation, keys: Iterable[str], workers: Workers
) -> list[Callable[[], Candidate]]:
    """The candidates of all periods, to be waited for; what they are made of is settled before any is decided on."""
    workshop = installation.workshop
    tasks = [_training_of(context, installation, workshop, key) for key in keys]
    return [workers.begin(task) for task in tasks]


def _show_candidate(
    context: dg.AssetExecutionContext, installation: Installation, key: str, candidate: Candidate
) -> None:
    page = mlflow_page(installation.settings, installation.tracker.page_of_run(candidate.stored.mlflow_run_id))
    shown = describe_candidate(candidate, page, with_run=last_beside(key, context.partition_keys) is None)
    context.add_asset_metadata(shown, asset_key=asset_of(key, CANDIDATE), partition_key=key)
    fires = counted(candidate.n_fires, "fire")
    sentence = f"{candidate.recipe.name} trained on {candidate.n_rows} rows with {fires}"
    tell(context, installation, CANDIDATE, key, sentence)


@contextmanager
def _publishing_if_cut(installation: Installation) -> Iterator[None]:
    """Publish what was decided before a run was cut: `provenance`, which does it otherwise, is not reached then."""
    try:
        yield
    except BaseException:
        _publish(installation)
        raise


def _publish(installation: Installation) -> None:
    """Bring the ledger's copy to its rows; where that fails, `provenance` and its checks say so."""
    with suppress(LedgerError, ProofError):
        publish(installation.published_ledger)


def _look_again(
    context: dg.AssetExecutionContext, installation: Installation, shape: Shape
) -> Iterator[dg.AssetCheckResult]:
    """What the guardrails that were asked for alone said of the newest live decision; nothing is decided."""
    state = installation.ledger.state(installation.settings.model_name)
    decided = [key for key in state.decisions if is_active(key) is (shape.kind is PeriodKind.ACTIVE)]
    newest = sorted(decided, key=lambda key: (state.decisions[key].as_of or dt.date.min, key))[-1:]
    asked = {key.name for key in context.selected_asset_check_keys}
    found = check_guardrails([adjudication_of(state.decisions[key]) for key in newest])
    yield from (result for result in found if result.check_name in asked)


def _results(
    context: dg.AssetExecutionContext,
    installation: Installation,
    keys: Sequence[str],
    adjudications: Sequence[Adjudication],
) -> Iterator[dg.MaterializeResult]:
    """What was made of all periods, asset by asset; after a run over earlier periods the newest one is shown again."""
    chosen = [name for name in (CANDIDATE, DECISION, REGISTRY_STATE) if name in chosen_of(context)]
    if not adjudications:
        yield from (dg.MaterializeResult(asset_key=asset_of(keys[0], name)) for name in chosen)
        return
    draw_present_champion(installation)
    state = installation.ledger.state(installation.settings.model_name)
    found = check_guardrails(current_decisions(adjudications, keys, state))
    for name in chosen:
        yield dg.MaterializeResult(asset_key=asset_of(keys[0], name), check_results=found if name == DECISION else [])
    keep_current(context, ("holdout_set", *chosen), keys, state)


def _adjudicate(context: dg.AssetExecutionContext, installation: Installation, partition_key: str) -> Adjudication:
    settings = installation.settings
    candidate = installation.records.newest(CANDIDATE_KIND, partition_key)
    if candidate is None:
        raise _missing(CANDIDATE, partition_key)
    question = Question(
        model_name=settings.model_name,
        holdout=_read_holdout(installation, partition_key),
        candidate=Candidate.model_validate_json(candidate),
        rule=settings.decision_rule,
        alarm=find_alarm_behind(installation, partition_key, installation.clock()),
        shadow_days=settings.shadow_days,
    )
    stamp, n_rows_before = _stamp_of(context, installation, question), len(installation.ledger.entries())
    adjudication = adjudicate_partition(installation.stores, question, stamp)
    if any(row.kind in MOVING for row in installation.ledger.entries()[n_rows_before:]):
        _publish(installation)  # who is in production is asked of the copy
    _name_runs(context, installation, adjudication, question.candidate, behind=n_rows_before)
    for sentence in (*(row.summary for row in adjudication.verdicts.rows), *adjudication.verdicts.waiting):
        warn(context, installation, DECISION, sentence)
    passed_over = describe_passed_over(installation, stamp.recorded_at, n_rows_before=n_rows_before)
    if passed_over is not None:
        warn(context, installation, DECISION, passed_over)
    return adjudication


def _stamp_of(context: dg.AssetExecutionContext, installation: Installation, question: Question) -> Stamp:
    """Who is behind a decision: an alarm, whoever opened the door, behind the first on a period that it asked for."""
    stamp, key = stamp_of(context, installation), question.holdout.windows.partition_key
    entries = installation.ledger.entries(question.model_name)
    is_asked = question.alarm is not None and original_decision(entries, key) is None
    return stamp._replace(trigger=ALARM_TRIGGER) if is_asked else stamp


def _name_runs(
    context: dg.AssetExecutionContext,
    installation: Installation,
    adjudication: Adjudication,
    candidate: Candidate,
    *,
    behind: int,
) -> None:
    """Name the runs by what came of them; what was decided does not hang on it."""
    settings = installation.settings
    try:
        name_runs(
            *(installation.tracker, adjudication, candidate),
            lambda run_id: f"[Dagster run]({dagster_run_page(settings, run_id)})",
        )
        entries = installation.ledger.entries(settings.model_name)
        name_ended_shadows(installation.tracker, entries, behind=behind, also=adjudication.entry.decision_id)
    except TrackingError as error:
        warn(context, installation, DECISION, f"the candidate's run is not named by its outcome in MLflow: {error}")


def _read_holdout(installation: Installation, partition_key: str) -> HoldoutSet:
    text = installation.records.newest(HOLDOUT_KIND, partition_key)
    if text is None:
        raise _missing("holdout_set", partition_key)
    return HoldoutSet.model_validate_json(text)


def _missing(asset: str, partition_key: str) -> EvidenceError:
    return EvidenceError(
        f"partition {partition_key} has no {asset} yet; materialize it first, or run: "
        f"forest-fire retrain --partition {partition_key}"
    )


def check_guardrails(adjudications: Sequence[Adjudication]) -> list[dg.AssetCheckResult]:
    """One result per guardrail, of the newest period of a run; a guardrail that was not looked at has not passed."""
    found: dict[ReasonCode, list[PeriodFinding]] = {code: [] for code in GUARDRAIL_CHECKS}
    for adjudication in adjudications:
        key = adjudication.payload.holdout.windows.partition_key
        for seen in adjudication.payload.guardrails:
            words = describe_guardrail(seen, adjudication.payload.evidence)
            found[seen.code].append(
                PeriodFinding(
                    key, seen.passed, seen.value, seen.limit, str(words), (words.value, words.limit), seen.sentence
                )
            )
    return [check_newest_period(name, found[code]) for code, name in GUARDRAIL_CHECKS.items()]
