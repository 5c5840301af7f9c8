"""A home that an earlier revision made is read as it was written, and goes on living under today's code."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import duckdb
import pyarrow.parquet as pq
import pytest
import skops.io

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import STATUS_FILE, export_ledger, open_reigns, read_export
from forest_fire_retrain.adapters.reigns_file import REIGNS_FILE, FollowedRows, read_reigns
from forest_fire_retrain.cli.console import stamp_now
from forest_fire_retrain.cli.intervening import roll_champion_back
from forest_fire_retrain.cli.running import retrain_partition
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.recomputation import WORDS, is_same, recompute
from forest_fire_retrain.core.ledger.reigns import reigns_of
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.records import Candidate, Knowledge
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_VERSION, feature_version
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.custody.standing_orders import freeze
from forest_fire_retrain.pipeline.investigating.finding_decisions import find_decision
from forest_fire_retrain.pipeline.investigating.reproducing import Cause, Match, reproduce
from forest_fire_retrain.proofs import check_evidence, witness, write_evidence
from forest_fire_retrain.verification import find_faults
from forest_fire_retrain_tests.golden import reading
from forest_fire_retrain_tests.golden.unpacking import ARCHIVE, HERE, settings_of, unpack

N_ROWS = {
    "decision": 13,
    "confirmation": 7,
    "abandonment": 1,
    "replay": 2,
    "rollback": 1,
    "freeze": 1,
    "unfreeze": 2,
    "external": 2,
    "repair": 2,
    "migration": 1,
    "labels_cleared": 1,
}
REPLAYED = "2024-07-29"
Expected = dict[str, object]


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """What MLflow and Dagster set is taken back."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def expected() -> Expected:
    return json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The golden home, for tests that only read it."""
    return build_installation(settings_of(unpack(HERE / ARCHIVE, tmp_path_factory.mktemp("golden") / "home")))


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """The golden home, for a test that goes on living in it."""
    return build_installation(settings_of(unpack(HERE / ARCHIVE, tmp_path / "home")))


@pytest.fixture(scope="module")
def entries(golden: Installation) -> list[LedgerEntry]:
    return golden.ledger.entries()


ADDITIONS = {
    "candidate": ("candidate_id",),
    "candidate_model": ("candidate_id",),
    "champion": ("fault",),
    **dict.fromkeys(("ingest_weather", "ingest_fires"), ("n_added", "n_changed", "n_withdrawn", "changed")),
    "evidence": ("feed_is_silent",),
    "rule": ("alert_blocked_in_a_row",),
}
"""Fields that are written today and were not then, by the part of the payload or the kind of record they stand in."""

UNREAD = {"direction": "minimize", "suspect_share": 0.45, "alert_inconclusive_in_a_row": 3}
"""Thresholds that stand in the rows and at which nothing looks any more."""


def without_additions(written: dict[str, dict[str, object] | None]) -> dict[str, object]:
    """What is written today as far as it was written then."""
    return {
        part: {name: value for name, value in fields.items() if name not in ADDITIONS[part]}
        if part in ADDITIONS and fields is not None
        else fields
        for part, fields in written.items()
    }


def as_read(value: object) -> object:
    """As it comes out of a JSON file."""
    return json.loads(json.dumps(value))


def test_every_kind_of_row_is_in_the_golden_ledger(entries: list[LedgerEntry]) -> None:
    assert Counter(str(entry.kind) for entry in entries) == N_ROWS


def test_every_row_reads_as_it_was_written_from_the_file_and_from_its_copy(
    golden: Installation, entries: list[LedgerEntry], expected: Expected
) -> None:
    copied = read_export(golden.settings.export_folder)
    assert reading.read_rows(entries) == expected["rows"]
    assert reading.read_rows(copied) == expected["rows_of_the_copy"]
    assert copied == entries
    assert find_first_fault(entries) is None


def test_the_copy_is_written_today_as_it_was_written_then(
    golden: Installation, entries: list[LedgerEntry], tmp_path: Path
) -> None:
    export_ledger(entries, tmp_path)
    names = sorted(path.name for path in golden.settings.export_folder.iterdir())
    assert sorted([*names, REIGNS_FILE]) == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        today, then = (pq.read_table(folder / name) for folder in (tmp_path, golden.settings.export_folder))
        if name == STATUS_FILE:  # rollbacks and what happened are told only since
            is_rollback = [str(said).startswith("roll") for said in today["what_happened"].to_pylist()]
            today = today.filter([not each for each in is_rollback]).select(then.column_names)
            assert sum(is_rollback) == N_ROWS["rollback"]
        assert today.equals(then)


def test_a_copy_without_reigns_tells_the_reigns_that_follow_from_its_rows(
    golden: Installation, entries: list[LedgerEntry], expected: Expected
) -> None:
    assert read_reigns(golden.settings.export_folder) is None
    with open_reigns(golden.settings.export_folder) as told:
        assert isinstance(told, FollowedRows)
        found = told.read_all()
    assert found == reigns_of(entries)
    state = expected["state"]
    assert isinstance(state, dict)
    assert [reign.decision_id for reign in found] == [reign["decision_id"] for reign in state["reigns"]]


def test_a_ledger_made_today_has_the_schema_of_the_golden_one_that_was_written_to(
    own: Installation, tmp_path: Path
) -> None:
    made = DuckDbLedger(tmp_path / "ledger.duckdb", patience_seconds=5)
    for ledger in (made, own.ledger):
        freeze(ledger, "another", until=own.clock().date(), reason="to make it", stamp=stamp_now())
    assert schema_of(made.path) == schema_of(own.settings.ledger_file)


def schema_of(path: Path) -> list[tuple[object, ...]]:
    asked = (
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    )
    with closing(duckdb.connect(path, read_only=True)) as connection:
        return connection.execute(asked).fetchall()


def test_the_rows_come_to_the_reigns_and_the_champion_they_came_to_then(
    entries: list[LedgerEntry], expected: Expected
) -> None:
    assert as_read(reading.read_state(fold(entries))) == expected["state"]


def test_a_candidate_of_an_old_row_has_the_name_that_registry_and_rollback_know_it_by(
    golden: Installation, entries: list[LedgerEntry]
) -> None:
    state = fold(entries)
    tags = {held.version: held.tags for held in golden.registry.versions(golden.settings.model_name)}
    named = {version: candidate.candidate_id for version, candidate in state.candidates.items()}
    assert named == {version: tags[version]["candidate_id"] for version in named}
    (rollback,) = (entry for entry in entries if entry.kind is EntryKind.ROLLBACK)
    assert rollback.champion_before is not None
    assert state.quarantined == {named[rollback.champion_before]}


def test_a_candidate_of_an_old_record_has_the_name_that_its_decision_judged_it_by(
    golden: Installation, entries: list[LedgerEntry]
) -> None:
    decided = (payload for _, payload in reading.live_decisions(entries))
    judged_by = {payload.candidate.stored: payload.evidence.challenger_id for payload in decided}
    texts = (text for kind, _, _, text in reading.record_texts(golden.settings) if kind == "candidate_model")
    named = {candidate.stored: candidate.candidate_id for candidate in map(Candidate.model_validate_json, texts)}
    assert {stored: named[stored] for stored in judged_by} == judged_by


def test_every_decision_is_read_and_follows_again_from_its_rows_bit_for_bit_but_for_its_words(
    entries: list[LedgerEntry], expected: Expected
) -> None:
    assert as_read(reading.read_decisions(entries)) == expected["decisions"]
    decided = fold(entries).decisions
    for _, payload in reading.live_decisions(entries):
        again = recompute(payload, decided)
        assert again.model_dump_json(exclude=WORDS) == payload.decision.model_dump_json(exclude=WORDS)
        assert is_same(payload.decision, again, payload.rule.version)
        assert payload.rule.version == "6"


def test_a_decision_of_the_golden_home_that_was_another_is_still_found(entries: list[LedgerEntry]) -> None:
    decided = fold(entries).decisions
    payloads = {payload.decision.reason_code: payload for _, payload in reading.live_decisions(entries)}
    for payload in payloads.values():
        again = recompute(payload, decided)
        other = next(code for code in ReasonCode if code is not again.reason_code)
        for change in ({"reason_code": other}, {"champion_age_days": -1}):
            assert not is_same(payload.decision.model_copy(update=change), again, payload.rule.version)


def test_what_a_decision_embeds_is_written_today_as_it_was_written_then(entries: list[LedgerEntry]) -> None:
    for entry in entries:
        if entry.kind in (EntryKind.DECISION, EntryKind.REPLAY):
            then = json.loads(entry.payload_json)
            assert {name: then["rule"].pop(name) for name in UNREAD} == UNREAD
            written = json.loads(read_payload(entry).to_json())
            assert written.pop("page_sha256") is None  # there were no pages then
            assert without_additions(written) == then


def test_every_record_is_read_and_written_today_as_it_was_written_then(
    golden: Installation, expected: Expected, tmp_path: Path
) -> None:
    anew = build_installation(golden.settings.model_copy(update={"home": tmp_path}))
    newest, places = {}, []
    for kind, key, name, text in reading.record_texts(golden.settings):
        record = reading.RECORD_TYPES[kind].model_validate_json(text)
        anew.records.put(kind, key, record)
        assert without_additions({kind: json.loads(record.model_dump_json())}) == {kind: json.loads(text)}
        newest[kind, key] = text
        places.append((kind, key, name.split("-")[0]))
    assert reading.read_records(golden.settings) == expected["records"]
    assert [(kind, key, name.split("-")[0]) for kind, key, name, _ in reading.record_texts(anew.settings)] == places
    assert {place: golden.records.newest(*place) for place in newest} == newest


def test_every_stored_model_loads_under_its_digest_and_predicts_the_same_bits(
    golden: Installation, entries: list[LedgerEntry], expected: Expected
) -> None:
    assert reading.read_models(golden, fold(entries)) == expected["models"]


def test_every_version_is_registered_as_it_was_under_its_tags(golden: Installation, expected: Expected) -> None:
    assert reading.read_registry(golden) == expected["registry"]


def test_a_version_is_registered_today_under_the_tags_of_then(own: Installation) -> None:
    name, state = own.settings.model_name, fold(own.ledger.entries())
    version = own.registry.register(name, state.candidates[state.reigns[0].version], "another decision", "the same")
    held = {registered.version: registered for registered in own.registry.versions(name)}
    again, first = held[version], held[state.reigns[0].version]
    assert {**first.tags, **again.tags} == {**first.tags, "decision_id": "another decision"}
    assert again.mlflow_run_id == first.mlflow_run_id


def test_every_pinned_version_of_the_lake_holds_its_rows_and_every_table_its_mark(
    golden: Installation, entries: list[LedgerEntry], expected: Expected
) -> None:
    assert reading.read_lake(golden, entries) == expected["lake"]


def test_verify_finds_no_fault_in_the_golden_home(golden: Installation, entries: list[LedgerEntry]) -> None:
    assert find_faults(golden, stamp_now()) == []
    assert golden.ledger.entries() == entries


def test_evidence_on_decisions_that_are_older_than_the_pages_is_sound(own: Installation, tmp_path: Path) -> None:
    published, n_rows = own.published_ledger, len(own.ledger.entries())
    for period in fold(own.ledger.entries()).decisions:
        target = tmp_path / f"{period}.zip"
        write_evidence(published, own.records, period, target, now=stamp_now().recorded_at)
        report = check_evidence(target, kept=witness(published).note)
        assert report.holds, report
        assert any("older than the pages" in finding.sentence for finding in report.findings)
    assert len(own.ledger.entries()) == n_rows


def test_a_pack_that_an_earlier_release_made_still_proves_what_it_did() -> None:
    kept = (HERE / "checkpoints.txt").read_text(encoding="utf-8")
    report = check_evidence(HERE / "evidence.zip", kept=kept)
    assert report.holds, report
    assert len(report.findings) == 8


def test_a_rollback_takes_the_earlier_version_back_into_production(own: Installation, expected: Expected) -> None:
    before, state = own.ledger.entries(), expected["state"]
    roll_champion_back(own.settings, None, "as in any other home", None)
    after = own.ledger.entries()
    assert own.registry.champion(own.settings.model_name) == fold(after).champion == state["previous"]
    assert after[: len(before)] == before
    assert [entry.kind for entry in after[len(before) :]] == [
        EntryKind.MIGRATION,
        EntryKind.MIGRATION,
        EntryKind.ROLLBACK,
        EntryKind.CONFIRMATION,
    ]
    left = [held for held in own.registry.versions(own.settings.model_name) if held.tags["status"] == "quarantined"]
    assert {held.version for held in left} == set(fold(after).quarantines)
    assert all(held.description.startswith("**Quarantined since") for held in left)
    assert find_faults(own, stamp_now()) == []


def test_every_version_of_the_golden_home_is_reproduced_from_the_features_of_then(
    golden: Installation, entries: list[LedgerEntry]
) -> None:
    state = fold(entries)
    for version, candidate in state.candidates.items():
        pinned = candidate.snapshot.table_versions[TableName.FEATURES]
        assert feature_version(golden.lake.read(TableName.FEATURES, version=pinned).column_names) == 1
        named = find_decision(entries, str(version))
        found = reproduce(golden.lake, golden.engine, golden.models, named=named, environment=golden.environment)
        is_exact = {True} if candidate.recipe.estimator == "gradient_boosting" else {True, False}  # as the processor is
        assert found.is_reproduced, found.findings
        assert (found.match is Match.EXACT) in is_exact, found.findings
        assert found.training_hash_again == candidate.training_hash
        assert Cause.CODE in {finding.cause for finding in found.findings}
    assert golden.ledger.entries() == entries


def files_of(installation: Installation, candidate: Candidate) -> tuple[list[str], list[str]]:
    """Names of the files of a stored model, and the types in it that its reader has to trust."""
    models = installation.settings.mlflow_home / "artifacts" / "models"
    folder = models / candidate.stored.model_uri.removeprefix("models:/") / "artifacts"
    names = sorted(path.name for path in folder.iterdir())
    return names, skops.io.get_untrusted_types(file=folder / "model.skops")


@pytest.mark.slow
def test_a_replay_as_known_differs_in_nothing_but_the_code_and_the_rule_and_moves_no_champion(
    own: Installation, expected: Expected
) -> None:
    before = own.ledger.entries()
    original = read_payload(fold(before).decisions[REPLAYED])
    retrain_partition(own.settings, REPLAYED, Knowledge.AS_KNOWN)
    *kept, first, second, replay = own.ledger.entries()
    assert {first.kind, second.kind} == {EntryKind.MIGRATION}
    again = read_payload(replay)
    assert (kept, replay.kind, replay.partition_key) == (before, EntryKind.REPLAY, REPLAYED)
    assert again.holdout.content_hash == original.holdout.content_hash
    assert again.candidate.training_hash == original.candidate.training_hash
    assert again.candidate.prediction_hash == original.candidate.prediction_hash
    assert again.differences is not None
    assert {difference.what for difference in again.differences} <= {"code version", "rule version"}
    assert files_of(own, again.candidate) == files_of(own, original.candidate)
    state = expected["state"]
    assert (
        own.registry.champion(own.settings.model_name)
        == fold([*kept, first, second, replay]).champion
        == state["champion"]
    )
    assert find_faults(own, stamp_now()) == []


@pytest.mark.slow
def test_the_golden_home_goes_on_under_features_of_today_and_its_champion_is_still_judged(
    own: Installation, entries: list[LedgerEntry], expected: Expected
) -> None:
    champion, before = fold(entries).champion, own.lake.version(TableName.FEATURES)
    retrain_partition(own.settings, None)
    first, second, row = own.ledger.entries()[len(entries) :][:3]
    assert {first.kind, second.kind} == {EntryKind.MIGRATION}
    decided = read_payload(row)
    assert decided.champion is not None
    assert (decided.champion.version, decided.champion.fault) == (champion, None)
    assert decided.decision.comparison.n_windows > 0
    features = own.lake.read(TableName.FEATURES)
    assert feature_version(features.column_names) == FEATURE_VERSION > 1
    assert feature_version(own.lake.read(TableName.FEATURES, version=before).column_names) == 1
    assert features.num_rows == features.group_by(["cell_id", "date"]).aggregate([]).num_rows
    assert features["cell_fires_per_year_30d"].null_count < features.num_rows / 2
    newest = reading.read_lake(own, entries)
    assert {table: held["versions"] for table, held in newest.items()} == {
        table: held["versions"] for table, held in expected["lake"].items()
    }
    assert find_faults(own, stamp_now()) == []
