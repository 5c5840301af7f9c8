"""The commands that a person intervenes with: what they say, what they write, and how they end."""

import json
import os
import re
import shutil
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, read_export
from forest_fire_retrain.adapters.mlflow_registry import MlflowRegistry
from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.cli.running import catch_up
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.operations import publish
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run
from forest_fire_retrain_tests.cut_rollbacks import begin_rollback
from forest_fire_retrain_tests.example_installation import example_settings
from forest_fire_retrain_tests.example_reigns import EASY, PARK, WEEKS, retrain
from forest_fire_retrain_tests.prepared_store import copy_store

pytestmark = pytest.mark.slow

MODEL = "forest_fire_risk"
DUE = ", in every period that is due before that day"
NOT_COMPARED = (
    "Nothing can be said of what going back costs: version 1 was not scored beside version 2 (FOREST_FIRE_WARM_DAYS, "
    "forest-fire shadow)."
)
CLEAN = "No fault: ledger, registry, copy, models and lake agree."


@pytest.fixture(scope="module")
def two_reigns(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """A home in which versions 1 and 2 were champion, with every store a real one."""
    folder = tmp_path_factory.mktemp("template") / "home"
    copy_store(store_template, folder / "mlflow")
    installation = build_installation(example_settings(folder, adjudication=EASY, simulator=PARK))
    installation.tracker.prepare()
    retrain(installation, WEEKS[:2])
    publish(installation.published_ledger)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return folder


@pytest.fixture
def reigned(home: Path, two_reigns: Path) -> Path:
    """A home of its own for each test."""
    shutil.copytree(two_reigns, home)
    return home


def rows_of(home: Path) -> list[LedgerEntry]:
    """What the readers see, which has to be what the ledger holds."""
    rows = read_export(home / "export")
    assert rows == DuckDbLedger(home / "ledger.duckdb", patience_seconds=1).entries()
    return rows


def registry_of(home: Path) -> MlflowRegistry:
    return MlflowRegistry(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")


def tamper(home: Path) -> None:
    with closing(duckdb.connect(home / "ledger.duckdb")) as connection:
        connection.execute("DROP TRIGGER ledger_refuses_update ON ledger")
        connection.execute("UPDATE ledger SET summary = 'better' WHERE sequence = 2")


def test_a_rollback_moves_the_alias_says_so_and_shows_it_to_readers(reigned: Path, forest_fire: Run) -> None:
    answer = forest_fire("rollback", "--reason", "missed two fires", "--freeze-until", "2025-09-01")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "Version 1 is champion, version 2 is quarantined.",
        NOT_COMPARED,
        f"Promotions are frozen until 2025-09-01{DUE}.",
    ]
    assert [row.kind for row in rows_of(reigned)[4:]] == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert registry_of(reigned).champion(MODEL) == 1
    assert "missed two fires" in forest_fire("history", "--events").out
    assert json.loads(forest_fire("champion", "--json").out)["champion"]["version"] == 1
    facts = json.loads(forest_fire("status", "--json").out)
    assert (facts["frozen_until"], facts["quarantined"]) == ("2025-09-01", [2])
    assert re.search(r", from version 2 to version 1, by \S+: missed two fires$", facts["last_rollback"])
    assert forest_fire("verify").out.strip() == CLEAN
    with open_instance(example_settings(reigned)) as instance:
        (record,) = instance.fetch_observations(dg.AssetKey("registry_state"), limit=5).records
    assert record.asset_observation is not None
    shown = {name: value.value for name, value in record.asset_observation.metadata.items()}
    assert (shown["version before"], shown["version after"], shown["ordered through"]) == (2, 1, "cli")
    assert "missed two fires" in str(shown["reason"])


def test_a_rollback_stands_where_dagsters_store_cannot_be_written(reigned: Path, forest_fire: Run) -> None:
    (reigned / "dagster").write_text("no folder")
    answer = forest_fire("rollback", "--reason", "missed two fires")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Dagster does not show the rollback: ")
    assert registry_of(reigned).champion(MODEL) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("rollback", "--to", "9", "--reason", "x"), "version 9 is not in the registry, which holds: 1, 2"),
        (("rollback", "--to", "2", "--reason", "x"), "version 2 is the champion already"),
        (("rollback", "--reason", " "), "a rollback needs a reason"),
        (("rollback",), "Missing option '--reason'"),
        (("freeze", "--until", "2024-01-01", "--reason", "x"), "would keep nothing"),
        (("freeze", "--until", "soon", "--reason", "x"), "is not a day; write it as YYYY-MM-DD"),
        (("unfreeze", "--reason", "x"), "are not frozen"),
        (("accept-source", "--reason", " "), "accepting another source needs a reason"),
        (("clear-labels", "--from", "2025-06-02", "--to", "2025-06-01", "--reason", "x"), "the wrong way round"),
        (("clear-labels", "--from", "2025-06-01", "--to", "2025-06-02", "--reason", "x"), "Flagged: none"),
        (("ledger", "restore", "nowhere.duckdb"), "there is no backup at"),
    ],
)
def test_a_request_that_cannot_be_met_ends_with_one_message_and_writes_nothing(
    reigned: Path, forest_fire: Run, words: tuple[str, ...], why: str
) -> None:
    answer = forest_fire(*words)
    assert answer.code == 2
    assert why in " ".join(answer.err.replace("│", " ").split())
    assert "Traceback" not in answer.err
    assert len(rows_of(reigned)) == 4


def test_a_freeze_is_seen_by_readers_until_it_is_lifted(reigned: Path, forest_fire: Run) -> None:
    frozen = forest_fire("freeze", "--until", "2025-12-01", "--reason", "audit").out
    assert f"are frozen until 2025-12-01{DUE}: audit." in frozen
    assert json.loads(forest_fire("status", "--json").out)["frozen_until"] == "2025-12-01"
    assert "is lifted: done." in forest_fire("unfreeze", "--reason", "done").out
    assert json.loads(forest_fire("status", "--json").out)["frozen_until"] is None
    assert [row.kind for row in rows_of(reigned)[4:]] == [EntryKind.FREEZE, EntryKind.UNFREEZE]


def test_freeze_and_rollback_state_the_freeze_that_holds(reigned: Path, forest_fire: Run) -> None:
    forest_fire("freeze", "--until", "2025-12-01", "--reason", "audit")
    shortened = forest_fire("freeze", "--until", "2025-11-01", "--reason", "audit ends sooner").out
    assert shortened.splitlines()[1:] == [
        "The freeze until 2025-12-01 holds no longer: the later order counts.",
        f"Promotions are frozen until 2025-11-01{DUE}.",
    ]
    done = forest_fire("rollback", "--reason", "missed two fires").out
    assert done.splitlines()[-1] == f"Promotions are frozen until 2025-11-01{DUE}. An earlier order says so."
    again = forest_fire("rollback", "--reason", "missed two fires").out
    assert again.splitlines()[-1] == f"Promotions are frozen until 2025-11-01{DUE}. An earlier order says so."
    asked = forest_fire("rollback", "--reason", "missed two fires", "--freeze-until", "2025-12-24").out
    assert asked.splitlines()[-1] == f"Promotions are frozen until 2025-12-24{DUE}."
    assert json.loads(forest_fire("history", "--events", "--json").out)[-1]["kind"] == "freeze"
    assert reigned.exists()


def test_verify_names_a_moved_alias_records_it_and_repair_puts_it_back(reigned: Path, forest_fire: Run) -> None:
    registry_of(reigned).point_champion(MODEL, 1)
    for _ in range(2):
        answer = forest_fire("verify")
        assert answer.code == 1
        assert len(answer.out.splitlines()) == 1
        assert "alias champion points at version 1, the ledger's champion is version 2" in answer.out
        assert [row.kind for row in rows_of(reigned)[4:]] == [EntryKind.EXTERNAL]
    repaired = forest_fire("verify", "--repair")
    assert repaired.code == 0
    assert repaired.out.splitlines()[-1] == CLEAN
    assert [row.kind for row in rows_of(reigned)[5:]] == [EntryKind.REPAIR]
    assert registry_of(reigned).champion(MODEL) == 2


def test_verify_answers_programs_too(reigned: Path, forest_fire: Run) -> None:
    assert json.loads(forest_fire("verify", "--json").out) == {"faults": [], "repaired": None}
    (reigned / "export" / LEDGER_FILE).unlink()
    answer = forest_fire("verify", "--json")
    (fault,) = json.loads(answer.out)["faults"]
    assert (answer.code, fault["where"], fault["repairable"]) == (1, "copy", True)
    mended = json.loads(forest_fire("verify", "--repair", "--json").out)
    assert mended["faults"] == []
    assert "not yet in its copy" in mended["repaired"]
    assert len(rows_of(reigned)) == 5


def test_verify_names_the_first_bad_row_of_a_tampered_ledger_and_changes_nothing(
    reigned: Path, forest_fire: Run
) -> None:
    tamper(reigned)
    answer = forest_fire("verify")
    assert answer.code == 1
    assert all(line.startswith("ledger: row 2") for line in answer.out.splitlines())
    assert "Repair: forest-fire ledger restore BACKUP" in answer.out
    assert forest_fire("verify", "--repair").code == 1


def test_a_backup_takes_the_place_of_a_tampered_ledger_and_says_so_in_it(
    reigned: Path, forest_fire: Run, tmp_path: Path
) -> None:
    backup = tmp_path / "monday.duckdb"
    assert "4 rows backed up" in forest_fire("ledger", "backup", str(backup)).out
    before = rows_of(reigned)
    tamper(reigned)
    assert forest_fire("ledger", "restore", str(backup)).code == 2
    restored = forest_fire("ledger", "restore", str(backup), "--force")
    assert restored.code == 0, restored.err
    rows = rows_of(reigned)
    assert rows[:4] == before
    assert rows[4].kind is EntryKind.REPAIR
    assert "restored from the backup monday.duckdb" in rows[4].summary
    assert len(list(reigned.glob("ledger.duckdb.replaced-*"))) == 1
    assert forest_fire("verify").out.strip() == CLEAN


@pytest.mark.parametrize("options", [(), ("--force",)], ids=["as it is", "by force"])
def test_a_restoration_that_was_cut_before_its_copy_and_is_ordered_again_is_finished(
    reigned: Path, forest_fire: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    backup = tmp_path / "monday.duckdb"
    forest_fire("ledger", "backup", str(backup))
    copied = shutil.copytree(reigned / "export", tmp_path / "export")
    (reigned / "ledger.duckdb").write_bytes(b"torn")
    assert forest_fire("ledger", "restore", str(backup)).code == 0
    rows = rows_of(reigned)
    shutil.rmtree(reigned / "export")
    copied.rename(reigned / "export")
    again = forest_fire("ledger", "restore", str(backup), *options)
    assert (again.code, "restored already, row 5 says so" in " ".join(again.out.split())) == (0, True), again
    assert rows_of(reigned) == rows
    assert len(list(reigned.glob("ledger.duckdb.replaced-*"))) == 1
    assert forest_fire("verify").out.strip() == CLEAN


def test_up_finishes_what_was_cut_before_it_predicts_also_if_no_period_waits(
    reigned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_END_DATE", "2025-07-21")
    begin_rollback(DuckDbLedger(reigned / "ledger.duckdb", patience_seconds=1))
    assert registry_of(reigned).champion(MODEL) == 2
    catch_up(load_settings())
    assert [row.kind for row in rows_of(reigned)[4:]] == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert registry_of(reigned).champion(MODEL) == 1
    catch_up(load_settings())
    assert len(rows_of(reigned)) == 6


def test_the_copy_for_readers_is_written_again(reigned: Path, forest_fire: Run) -> None:
    shutil.rmtree(reigned / "export")
    assert "4 rows exported" in forest_fire("ledger", "export").out
    assert len(rows_of(reigned)) == 4


@pytest.mark.parametrize("order", [("verify",), ("rollback", "--reason", "x")])
def test_where_there_is_no_home_nothing_is_called_sound_or_rolled_back(
    home: Path, forest_fire: Run, order: tuple[str, ...]
) -> None:
    answer = forest_fire(*order)
    assert (answer.code, answer.out) == (2, "")
    assert "there is no home at" in answer.err
    assert not home.exists()


def test_another_source_is_refused_until_it_is_accepted_with_a_reason(
    reigned: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, before = DeltaLake(str(reigned / "lake")), rows_of(reigned)
    versions = {table: held.version(table) for table in TableName}
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__SEED", str(PARK.seed))
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__N_CELLS", "6")
    nothing = forest_fire("accept-source", "--reason", "to be sure")
    assert nothing.code == 2, nothing
    assert f"no rows of another source than the simulated park with the seed {PARK.seed} and 6 cells" in nothing.err
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__SEED", "77")
    refused = forest_fire("retrain", "--partition", WEEKS[2])
    assert refused.code == 2, refused
    assert "this home holds the rows of the simulated park with the seed" in refused.err
    assert "the source is now the simulated park with the seed 77" in refused.err
    assert (rows_of(reigned), {table: held.version(table) for table in TableName}) == (before, versions)
    accepted = forest_fire("accept-source", "--reason", "drawn anew on purpose")
    assert accepted.code == 0, accepted
    assert "are accepted after those of" in accepted.out
    assert "drawn anew on purpose" in accepted.out.casefold()
    assert rows_of(reigned)[-1].kind is EntryKind.SOURCE_ACCEPTED
    again = forest_fire("accept-source", "--reason", "once more")
    assert (again.code, len(rows_of(reigned))) == (2, len(before) + 1)
    assert "is accepted already" in again.err


def test_a_ledger_that_was_rewritten_with_a_sound_chain_and_copy_is_found_by_what_was_kept(
    reigned: Path, forest_fire: Run, tmp_path: Path
) -> None:
    kept, key = tmp_path / "kept.txt", tmp_path / "witness.pub"
    assert forest_fire("witness", "--append", str(kept)).code == 0
    key.write_bytes((reigned / "export" / "witness.pub").read_bytes())
    sound = forest_fire("verify", "--against", str(kept), "--key", str(key))
    assert sound.code == 0, sound
    assert sound.out.splitlines()[0].startswith("Proved: The first 4 rows of the ledger are those that")
    assert sound.out.splitlines()[-1] == CLEAN
    rows = rows_of(reigned)
    (reigned / "ledger.duckdb").unlink()
    shutil.rmtree(reigned / "export")
    forged = DuckDbLedger(reigned / "ledger.duckdb", patience_seconds=1)
    for row in rows:
        forged.append(row.model_copy(update={"actor": "nobody"}))
    assert forest_fire("ledger", "export").code == 0
    assert forest_fire("verify").out.strip() == CLEAN  # inside, nothing shows it
    found = forest_fire("verify", "--against", str(kept))
    assert found.code == 1, found
    assert found.out.startswith("witness: the checkpoint of 4 rows")
    assert "rewritten from its first row on" in found.out
    (reigned / "witness.key").unlink()
    assert forest_fire("verify", "--against", str(kept)).code == 2
    said = json.loads(forest_fire("verify", "--against", str(kept), "--key", str(key), "--json").out)
    assert [fault["where"] for fault in said["faults"]] == ["witness"]
    assert said["proved"] == []


def cut_newest_row(home: Path) -> None:
    with closing(duckdb.connect(home / "ledger.duckdb")) as connection:
        connection.execute("DROP TRIGGER ledger_refuses_delete ON ledger")
        connection.execute("DELETE FROM ledger WHERE sequence = 4")


LOSSES = {
    "newest row cut off": (cut_newest_row, "with its 3 does not continue: rows 4 to 4 are missing"),
    "file gone": (lambda home: (home / "ledger.duckdb").unlink(), "is gone: the copy in"),
    "file gone, copy too": (
        lambda home: ((home / "ledger.duckdb").unlink(), (home / "export" / LEDGER_FILE).unlink()),
        "4 rows more than the ledger with its 0",
    ),
}
WRITERS = (
    ("retrain",),
    ("backfill", "--from", WEEKS[2], "--to", WEEKS[2]),
    ("rollback", "--reason", "x"),
    ("freeze", "--until", "2030-01-01", "--reason", "x"),
    ("predict", "--date", "2025-07-15", "--retro"),
)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_is_appended_to_a_ledger_that_lost_rows_which_its_copy_knows(
    reigned: Path, forest_fire: Run, loss: str
) -> None:
    spoil, why = LOSSES[loss]
    spoil(reigned)
    kept = {path.name: path.read_bytes() for path in (reigned / "export").iterdir()}
    alias, was_there = registry_of(reigned).champion(MODEL), (reigned / "ledger.duckdb").exists()
    rows = DuckDbLedger(reigned / "ledger.duckdb", patience_seconds=1).entries()
    for words in WRITERS:
        answer = forest_fire(*words)
        if loss == "newest row cut off" or words[0] in {"retrain", "backfill", "predict"}:
            assert (answer.code, why in " ".join(answer.err.split())) == (2, True), (words, answer)
            assert "ledger restore BACKUP" in " ".join(answer.err.split())
        else:  # there is no champion, and nothing else to decide about
            assert answer.code == 2, (words, answer)
        assert "Traceback" not in answer.err
    assert {path.name: path.read_bytes() for path in (reigned / "export").iterdir()} == kept
    assert (registry_of(reigned).champion(MODEL), (reigned / "ledger.duckdb").exists()) == (alias, was_there)
    assert DuckDbLedger(reigned / "ledger.duckdb", patience_seconds=1).entries() == rows


@pytest.mark.parametrize("loss", LOSSES)
def test_a_backup_or_force_leads_out_of_a_ledger_that_lost_rows(
    reigned: Path, forest_fire: Run, tmp_path: Path, loss: str
) -> None:
    backup = tmp_path / "backup.duckdb"
    assert forest_fire("ledger", "backup", str(backup)).code == 0
    LOSSES[loss][0](reigned)
    assert forest_fire("ledger", "export", "--force").code == 0
    frozen = forest_fire("freeze", "--until", "2030-01-01", "--reason", "x")
    assert frozen.code == 0, frozen
    assert forest_fire("ledger", "restore", str(backup), "--force").code == 0
    assert len(rows_of(reigned)) == 5
    assert forest_fire("verify").out.strip() == CLEAN


def test_a_backup_that_is_shorter_than_the_copy_is_not_restored_over_a_ledger_that_was_cut(
    reigned: Path, forest_fire: Run, tmp_path: Path
) -> None:
    cut_newest_row(reigned)
    backup = tmp_path / "backup.duckdb"
    assert forest_fire("ledger", "backup", str(backup)).code == 0
    refused = forest_fire("ledger", "restore", str(backup))
    assert (refused.code, "ends at row 3, but 4 rows are known" in " ".join(refused.err.split())) == (2, True)
