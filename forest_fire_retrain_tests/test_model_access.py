"""The model in production in one line: whatever is changed behind the ledger's back, no other bytes are loaded."""

import datetime as dt
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import mlflow.sklearn
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import forest_fire_retrain
from forest_fire_retrain import get_model
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.cli.console import stamp_now
from forest_fire_retrain.core.errors import (
    ArtifactTamperedError,
    LedgerTamperedError,
    RefusedRequestError,
    TrackingError,
)
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.investigating.finding_decisions import find_decision
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.settings import Settings, load_settings
from forest_fire_retrain.verification import find_faults
from forest_fire_retrain_tests.cli.conftest import furnish, run_command, settle_in
from forest_fire_retrain_tests.example_reigns import EASY
from forest_fire_retrain_tests.prepared_store import prepare_store

pytestmark = pytest.mark.slow
VERSIONS = (1, 2)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "use-the-model.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
N_SNIPPETS = 6
TABLES = ("model_versions", "registered_model_aliases", "logged_models")
EVIL = "flavors:\n  python_function:\n    loader_module: evil\n    code: code\nartifact_path: x\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with two reigns, which tests copy."""
    base = tmp_path_factory.getbasetemp()
    template = prepare_store(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("made") / "home", environment)
        furnish(home, environment, template)
        for name, value in EASY.model_dump(exclude_unset=True).items():
            environment.setenv(f"FOREST_FIRE_ADJUDICATION__{name.upper()}", str(value))
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-14") == 0
        yield home


class Home:
    """The home at its own place, restored after each test, and what a person with file access can do to it."""

    def __init__(self, path: Path) -> None:
        self.settings: Settings = load_settings(home=path)
        self.store = path / "mlflow" / "mlflow.db"

    def file_of(self, version: int, name: str) -> Path:
        uri = get_candidate(self.settings, version).stored.model_uri.removeprefix("models:/")
        return self.settings.mlflow_home / "artifacts" / "models" / uri / "artifacts" / name

    def run_sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.store)) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Home]:
    kept = shutil.copytree(made, tmp_path / "kept")
    with patch.dict(os.environ):
        yield Home(made)
    shutil.rmtree(made / "cache", ignore_errors=True)
    for path in [path for path in made.rglob("*") if path.is_file() and not (kept / path.relative_to(made)).exists()]:
        path.unlink()
    shutil.copytree(kept, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow.db*"))
    with closing(sqlite3.connect(made / "mlflow" / "mlflow.db")) as connection:  # MLflow keeps it open, so it stays
        connection.execute("ATTACH ? AS kept", (str(kept / "mlflow" / "mlflow.db"),))
        for table in TABLES:
            connection.executescript(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table};")  # noqa: S608 - constant names


def get_candidate(settings: Settings, version: int) -> Candidate:
    return read_payload(find_decision(read_export(settings.export_folder), str(version)).entry).candidate


def test_importing_the_package_imports_no_library() -> None:
    program = "import sys, forest_fire_retrain; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"pandas", "numpy", "sklearn", "mlflow", "duckdb", "pydantic", "dagster", "pyspark"}
    assert set(done.stdout.split()) & heavy == set()
    with pytest.raises(AttributeError, match="no attribute 'get_modle'"):
        _ = forest_fire_retrain.get_modle  # type: ignore[attr-defined]


def test_the_champion_is_served_with_what_the_ledger_knows_and_predicts_what_was_recorded(home: Home) -> None:
    served = get_model(settings=home.settings)
    candidate = get_candidate(home.settings, 2)
    assert (served.version, served.candidate) == (2, candidate)
    assert Path(served.folder).parent == home.settings.model_cache
    assert sorted(path.name for path in Path(served.folder).iterdir()) == sorted(
        file.name for file in candidate.stored.files
    )
    installation = build_installation(home.settings)
    holdout = read_payload(find_decision(installation.ledger.entries(), "2").entry).holdout
    rows = read_holdout(installation.lake, installation.engine, holdout)
    scored = served.score(rows.to_pandas()).to_numpy()
    assert np.array_equal(scored, predict(installation.models.load(candidate.stored), rows))
    assert scored[: len(candidate.reference_predictions)].tolist() == list(candidate.reference_predictions)


def test_a_time_or_a_version_chooses_and_a_day_means_its_end(home: Home) -> None:
    confirmed = [
        row.recorded_at for row in read_export(home.settings.export_folder) if row.kind is EntryKind.CONFIRMATION
    ]
    just_before = confirmed[1] - dt.timedelta(microseconds=1)
    assert [get_model(at, settings=home.settings).version for at in (*confirmed, just_before)] == [1, 2, 1]
    assert get_model(confirmed[1].isoformat(), settings=home.settings).version == 2
    assert get_model(confirmed[1].date(), settings=home.settings).version == 2
    assert get_model(version=1, settings=home.settings).version == 1
    with pytest.raises(RefusedRequestError, match=r"had no champion at .*T23:59:59.*versions that were champion: 1, 2"):
        get_model("2020-01-01", settings=home.settings)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"version": 9}, "versions that were: 1, 2"),
        ({"at": "soon"}, "neither a day nor an instant"),
        ({"at": "2999-01-01"}, "lies in the future"),
        ({"at": "2026-01-01", "version": 1}, "not both"),
        ({"model_name": "forest_fire_rsk"}, "knows no model 'forest_fire_rsk'; nearest: forest_fire_risk"),
    ],
)
def test_what_cannot_be_asked_is_refused(home: Home, asked: dict[str, object], said: str) -> None:
    with pytest.raises(RefusedRequestError, match=said):
        get_model(**asked, settings=home.settings)  # type: ignore[arg-type] # as a person may call it


def test_whatever_the_registry_is_made_to_say_the_ledgers_champion_is_served(home: Home) -> None:
    other = home.file_of(1, "").as_uri()
    home.run_sql("UPDATE model_versions SET source = ?, storage_location = ? WHERE version = 2", other, other)
    home.run_sql("UPDATE registered_model_aliases SET version = 1")
    served = get_model(settings=home.settings)
    assert (served.version, served.artifact_sha256) == (2, get_candidate(home.settings, 2).stored.artifact_sha256)


def test_verify_names_a_version_that_leads_elsewhere_and_a_loader_that_was_changed(home: Home) -> None:
    assert find_faults(build_installation(home.settings), stamp_now()) == []
    home.run_sql("UPDATE model_versions SET storage_location = 'file:///elsewhere' WHERE version = 2")
    home.file_of(1, "MLmodel").write_text(EVIL)
    said = [fault.what for fault in find_faults(build_installation(home.settings), stamp_now())]
    assert len(said) == 2
    assert "version 2 " in said[0]
    assert "leads whoever loads it from the registry to file:///elsewhere" in said[0]
    assert "version 1 has 1 file beside the model not as recorded: MLmodel" in said[1]


def test_an_artifact_address_that_was_moved_to_another_model_is_refused(home: Home) -> None:
    uri = get_candidate(home.settings, 2).stored.model_uri.removeprefix("models:/")
    home.run_sql("UPDATE logged_models SET artifact_location = ? WHERE model_id = ?", home.file_of(1, "").as_uri(), uri)
    with pytest.raises(ArtifactTamperedError, match="was recorded; nothing was loaded"):
        get_model(settings=home.settings)


def test_a_loader_that_was_smuggled_in_is_neither_run_nor_handed_on(home: Home) -> None:
    home.file_of(2, "MLmodel").write_text(EVIL)
    home.file_of(2, "code").mkdir()
    home.file_of(2, "code/evil.py").write_text("raise SystemExit('evil')")
    with pytest.raises(ArtifactTamperedError, match="file MLmodel"):
        get_model(settings=home.settings)
    assert not home.settings.model_cache.exists()


def test_model_files_that_were_swapped_are_refused(home: Home) -> None:
    shutil.copy(home.file_of(1, "model.skops"), home.file_of(2, "model.skops"))
    with pytest.raises(ArtifactTamperedError, match=r"file model\.skops"):
        get_model(settings=home.settings)
    assert get_model(version=1, settings=home.settings).version == 1


def test_a_verified_folder_serves_on_when_mlflow_is_gone_and_a_fresh_one_is_refused(home: Home, tmp_path: Path) -> None:
    before = get_model(settings=home.settings)
    gone = home.settings.mlflow_home.rename(tmp_path / "gone")
    again = get_model(settings=home.settings)
    assert (again.version, again.folder) == (before.version, before.folder)
    with pytest.raises(TrackingError, match="no MLflow store"):
        get_model(settings=home.settings, folder=tmp_path / "elsewhere")
    assert not home.settings.mlflow_home.exists()
    gone.rename(home.settings.mlflow_home)


def test_a_copy_of_the_ledger_that_was_edited_is_not_believed(home: Home) -> None:
    digest, other = (get_candidate(home.settings, version).stored.artifact_sha256 for version in VERSIONS)
    for path in home.settings.export_folder.glob("ledger*.parquet"):
        rows = pq.read_table(path)
        edited = pc.replace_substring(rows["payload_json"], other, digest)
        pq.write_table(rows.set_column(rows.column_names.index("payload_json"), "payload_json", edited), path)
    with pytest.raises(LedgerTamperedError, match="its content does not match its hash"):
        get_model(settings=home.settings)


def test_whoever_works_with_mlflow_finds_it_pointed_where_it_was(home: Home, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'own.db'}")
    get_model(settings=home.settings)
    assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path / 'own.db'}"
    mlflow.set_tracking_uri(None)


def run_snippets(first: int, last: int, known: dict[str, object]) -> None:
    """Run the page's snippets in their order, as a reader would: in one session."""
    snippets = SNIPPET.findall(PAGE.read_text(encoding="utf-8"))
    assert len(snippets) == N_SNIPPETS
    for snippet in snippets[first:last]:
        exec(compile(snippet, PAGE.name, "exec"), known)  # noqa: S102 - the project's own page


def test_every_snippet_of_the_page_runs_as_it_stands(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, object] = {}
    run_snippets(0, 3, known)
    run_snippets(4, N_SNIPPETS, known)
    said = capsys.readouterr().out
    assert "<forest_fire_risk version 2, trained on 2024-05-12 to 2025-06-15, 28 features, SHA-256" in said
    assert "# forest_fire_risk, candidate of 2025-07-14" in said
    assert len(known["highest"]) == 5  # type: ignore[arg-type] # a table
    assert home.settings.model_cache.is_dir()


def test_the_pages_snippet_for_spark_runs_as_it_stands(home: Home) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up")
    known: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Spark says of itself
        run_snippets(0, 4, known)
        scored = known["scored"].toPandas().set_index(["cell_id", "date"])["probability"]  # type: ignore[attr-defined]
        known["spark"].stop()  # type: ignore[attr-defined]
    expected = known["today"].set_index(["cell_id", "date"])["probability"]  # type: ignore[attr-defined]
    assert scored.sort_index().tolist() == expected.sort_index().tolist()
    assert home.settings.model_cache.is_dir()


def test_the_verified_folder_can_be_handed_to_mlflows_own_loader(home: Home) -> None:
    served = get_model(settings=home.settings)
    rows = example_table(served.feature_names)
    loaded = mlflow.sklearn.load_model(served.folder)
    assert np.array_equal(loaded.predict_proba(rows)[:, 1], served.score(rows))


def example_table(names: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(1).normal(size=(50, len(names))), columns=list(names))
