"""A recorded candidate trained again: the same bits, or the reason why not; nothing is written."""

import copy
import json

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.optuna_search import OptunaSearch
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.models import training
from forest_fire_retrain.core.ports import Workshop
from forest_fire_retrain.core.records import Candidate, Environment
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.pipeline.investigating.finding_decisions import Named, find_decision
from forest_fire_retrain.pipeline.investigating.reproducing import TOLERANCE, Cause, Match, Reproduction, reproduce
from forest_fire_retrain.pipeline.retraining.training_candidates import train_candidate
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING
from forest_fire_retrain_tests.example_park import ENGINE, ENVIRONMENT, Bench, decided_bench, windows_of
from forest_fire_retrain_tests.fakes.records import FakeRecordStore

FIRST = windows_of(0).partition_key


def ask(bench: Bench, name: str = FIRST, environment: Environment = ENVIRONMENT) -> Reproduction:
    named = find_decision(bench.ledger.entries(MODEL), name)
    return reproduce(bench.lake, ENGINE, bench.tracker, named=named, environment=environment)


def causes(found: Reproduction) -> list[Cause]:
    return [finding.cause for finding in found.findings]


def find_candidate(bench: Bench) -> Candidate:
    return read_payload(find_decision(bench.ledger.entries(MODEL), FIRST).entry).candidate


def edit_row(bench: Bench, key: str, **candidate: object) -> Named:
    """The decision as it were if its row said something else of the candidate."""
    entry = find_decision(bench.ledger.entries(MODEL), key).entry
    payload = json.loads(entry.payload_json)
    payload["candidate"] |= candidate
    edited: LedgerEntry = entry.model_copy(update={"payload_json": json.dumps(payload)})
    return Named(edited, None)


def test_every_version_is_reproduced_bit_for_bit() -> None:
    bench = decided_bench(0, 1, 2)
    decided = [row for row in bench.ledger.rows if row.kind is EntryKind.DECISION]
    for row in decided:
        found = ask(bench, str(row.partition_key))
        assert (found.match, found.findings, found.largest_difference) == (Match.EXACT, (), 0.0)
        assert (found.training_hash_again, found.prediction_hash_again) == (found.training_hash, found.prediction_hash)
        assert (found.partition_key, found.ledger_row) == (row.partition_key, row.sequence)
    assert ask(bench, "1").version == 1


def test_the_negatives_that_were_kept_are_drawn_again() -> None:
    bench = decided_bench(0)
    payload = read_payload(find_decision(bench.ledger.entries(MODEL), FIRST).entry)
    thinned = SMALL_BOOSTING.model_copy(update={"parameters": {"max_iter": 5, "negatives_per_positive": 3}})
    candidate = train_candidate(
        Workshop(bench.lake, ENGINE, FakeRecordStore(), bench.tracker, bench.tracker, OptunaSearch()),
        holdout=payload.holdout,
        recipe=thinned,
        seed=7,
        environment=ENVIRONMENT,
        tags={},
    )
    named = edit_row(bench, FIRST, **candidate.model_dump(mode="json"))
    found = reproduce(bench.lake, ENGINE, bench.tracker, named=named, environment=ENVIRONMENT)
    assert (found.match, found.seed, found.findings) == (Match.EXACT, 7, ())
    other = edit_row(bench, FIRST, **{**candidate.model_dump(mode="json"), "seed": 8})
    again = reproduce(bench.lake, ENGINE, bench.tracker, named=other, environment=ENVIRONMENT)
    assert again.match is Match.DIFFERENT


def test_it_is_reproduced_after_corrections_and_features_that_were_built_anew() -> None:
    bench = decided_bench(0)
    bench.remove_fires(0, keep_one_in=2)
    features = bench.lake.read(TableName.FEATURES)
    bench.lake.overwrite(TableName.FEATURES, features.slice(0, features.num_rows // 2))
    assert ask(bench).match is Match.EXACT


def test_nothing_is_written() -> None:
    bench = decided_bench(0)
    before = copy.deepcopy((bench.lake, bench.tracker.runs, bench.tracker.digests, bench.registry, bench.ledger.rows))
    ask(bench)
    assert before == (bench.lake, bench.tracker.runs, bench.tracker.digests, bench.registry, bench.ledger.rows)


def test_other_packages_and_code_are_named_although_they_had_no_effect() -> None:
    packages = {**ENVIRONMENT.package_versions, "numpy": "99.1"}
    other = Environment(python_version="3.99", package_versions=packages, code_version="d" * 64, n_threads=1)
    found = ask(decided_bench(0), environment=other)
    assert found.match is Match.EXACT
    assert causes(found) == [Cause.ENVIRONMENT, Cause.ENVIRONMENT, Cause.CODE]
    sentences = " ".join(finding.sentence for finding in found.findings)
    assert "python was 3.11, is 3.99" in sentences
    assert "numpy was not recorded, is 99.1" in sentences
    assert f"was version {'c' * 12}, is {'d' * 12}" in sentences


def test_code_that_trains_another_model_is_the_reason_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, key = decided_bench(0), FIRST
    other = ENVIRONMENT.model_copy(update={"code_version": "d" * 64})
    monkeypatch.setattr(training, "MAX_LOGISTIC_ITERATIONS", 1)
    with pytest.warns(match="lbfgs failed to converge"):
        found = ask(bench, key, other)
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.CODE, Cause.UNKNOWN])
    assert found.training_hash_again == found.training_hash
    assert found.prediction_hash_again != found.prediction_hash
    assert found.largest_difference is not None
    assert found.largest_difference > TOLERANCE


def test_another_processor_is_named_and_one_that_was_not_recorded_is_not() -> None:
    bench = decided_bench(0)
    named = edit_row(bench, FIRST, environment={**ENVIRONMENT.model_dump(), "processor": "x86_64, BLAS SkylakeX"})
    here = ENVIRONMENT.model_copy(update={"processor": "x86_64, BLAS Haswell"})
    found = reproduce(bench.lake, ENGINE, bench.tracker, named=named, environment=here)
    (finding,) = found.findings
    assert (found.match, finding.cause) == (Match.EXACT, Cause.ENVIRONMENT)
    assert "was x86_64, BLAS SkylakeX; here it is x86_64, BLAS Haswell" in finding.sentence
    assert ask(bench, environment=here).findings == ()


def test_a_difference_that_nothing_recorded_explains_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MAX_LOGISTIC_ITERATIONS", 1)
    with pytest.warns(match="lbfgs failed to converge"):
        found = ask(decided_bench(0))
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.UNKNOWN])


@pytest.mark.parametrize(("by", "match"), [(1e-9, Match.WITHIN_TOLERANCE), (1e-3, Match.DIFFERENT)])
def test_a_last_bit_is_within_tolerance_and_more_is_not(by: float, match: Match) -> None:
    bench = decided_bench(0)
    (uri,) = bench.tracker.models
    model = bench.tracker.models[uri] = copy.deepcopy(bench.tracker.models[uri])
    model.pipeline[-1].intercept_ += by
    found = ask(bench)
    assert found.match is match
    assert causes(found) == [Cause.ENVIRONMENT]
    assert "stored model itself" in found.findings[0].sentence
    assert found.largest_difference is not None
    assert 0 < found.largest_difference <= by
    assert found.is_reproduced == (match is Match.WITHIN_TOLERANCE)


def test_a_stored_model_with_other_bytes_is_different_although_training_gives_what_was_recorded() -> None:
    bench = decided_bench(0)
    bench.tracker.tamper(find_candidate(bench).stored)
    found = ask(bench)
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.ARTIFACT])
    assert found.prediction_hash_again == found.prediction_hash
    assert found.largest_difference == 0.0


def test_a_stored_model_that_is_gone_is_named() -> None:
    bench = decided_bench(0)
    bench.tracker.forget(find_candidate(bench).stored)
    found = ask(bench)
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.ARTIFACT])


def test_pinned_rows_that_were_vacuumed_are_named_and_nothing_is_trained() -> None:
    bench = decided_bench(0)
    bench.lake.lose(TableName.FEATURES, find_candidate(bench).snapshot.table_versions[TableName.FEATURES])
    found = ask(bench)
    assert (found.match, found.training_hash_again, found.largest_difference) == (Match.DIFFERENT, None, None)
    assert causes(found) == [Cause.DATA, Cause.DATA]
    assert "its files are gone" in found.findings[0].sentence


def test_training_rows_that_are_others_than_recorded_are_different_whatever_comes_of_them() -> None:
    bench = decided_bench(0)
    version = find_candidate(bench).snapshot.table_versions[TableName.FIRES]
    held = bench.lake.tables[TableName.FIRES][version]
    early = held.rows["date"].to_numpy() < np.datetime64(windows_of(0).training.end)
    kept = ~early | (np.arange(held.rows.num_rows) % 2 == 0)
    bench.lake.tables[TableName.FIRES][version] = held._replace(rows=held.rows.filter(pa.array(kept)))
    found = ask(bench)
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.DATA])
    assert found.training_hash_again != found.training_hash
    assert found.largest_difference is not None


def test_a_holdout_that_changed_cannot_be_compared_on() -> None:
    bench = decided_bench(0)
    version = find_candidate(bench).snapshot.table_versions[TableName.FIRES]
    held = bench.lake.tables[TableName.FIRES][version]
    early = held.rows["date"].to_numpy() < np.datetime64(windows_of(0).holdout.start)
    bench.lake.tables[TableName.FIRES][version] = held._replace(rows=held.rows.filter(pa.array(early)))
    found = ask(bench)
    assert (found.match, causes(found), found.prediction_hash_again) == (Match.DIFFERENT, [Cause.DATA], None)
    assert found.training_hash_again == found.training_hash


def test_other_threads_than_the_stored_model_was_made_with_are_named() -> None:
    bench = decided_bench(0)
    environment = ENVIRONMENT.model_dump() | {"n_threads": 2}
    found = reproduce(
        bench.lake,
        ENGINE,
        bench.tracker,
        named=edit_row(bench, FIRST, environment=environment),
        environment=ENVIRONMENT,
    )
    assert causes(found)[0] == Cause.THREADS
    assert "pinned to 2, the stored model to 1" in found.findings[0].sentence
    assert found.match in (Match.EXACT, Match.WITHIN_TOLERANCE)


def test_threads_that_the_machine_does_not_grant_are_named() -> None:
    bench = decided_bench(0)
    environment = ENVIRONMENT.model_dump() | {"n_threads": 100_000}
    named = edit_row(bench, FIRST, environment=environment)
    found = reproduce(bench.lake, ENGINE, bench.tracker, named=named, environment=ENVIRONMENT)
    assert Cause.THREADS in causes(found)
    assert "this machine grants" in found.findings[0].sentence


def test_a_recipe_that_todays_code_refuses_is_a_change_of_the_code() -> None:
    bench = decided_bench(0)
    recipe = {"name": "small", "estimator": "logistic", "parameters": {"depth": 3}}
    named = edit_row(bench, FIRST, recipe=recipe)
    found = reproduce(bench.lake, ENGINE, bench.tracker, named=named, environment=ENVIRONMENT)
    assert (found.match, causes(found)) == (Match.DIFFERENT, [Cause.CODE])
    assert "no such parameter" in found.findings[0].sentence
