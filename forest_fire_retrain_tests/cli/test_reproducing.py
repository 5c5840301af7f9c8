"""`forest-fire reproduce` on a home of its own: what it answers, its exit codes, and that it only reads."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in

pytestmark = pytest.mark.slow
LOCKS = ("*.lock", "*.holder")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """Two decided periods, which reproducing does not change."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("decided") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-14") == 0
        yield home


def hash_files(home: Path) -> dict[str, str]:
    files = (path for path in sorted(home.rglob("*")) if path.is_file() and not any(map(path.match, LOCKS)))
    return {path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_version_and_a_period_are_reproduced_and_nothing_is_written(decided: Path, forest_fire: Run) -> None:
    before = hash_files(decided)
    by_version, by_period = forest_fire("reproduce", "1"), forest_fire("reproduce", "2025-07-14", "--json")
    assert (by_version.code, by_period.code) == (0, 0)
    assert by_version.out.startswith(
        "EXACT: the candidate of the live decision of 2025-07-07 (ledger row 1, version 1)"
    )
    answer = json.loads(by_period.out)
    assert (answer["match"], answer["findings"], answer["version"]) == ("EXACT", [], None)
    assert hash_files(decided) == before


def test_a_model_file_that_was_changed_ends_with_exit_code_1_and_the_reason(
    decided: Path, forest_fire: Run, tmp_path: Path
) -> None:
    kept = shutil.copytree(decided / "mlflow", tmp_path / "mlflow")
    for path in (decided / "mlflow").rglob("model.skops"):
        path.write_bytes(path.read_bytes() + b" ")
    answer = forest_fire("reproduce", "1")
    shutil.copytree(kept, decided / "mlflow", dirs_exist_ok=True)
    assert answer.code == 1
    assert answer.out.startswith("DIFFERENT")
    assert "reason, artifact: The stored model cannot be compared with" in answer.out


@pytest.mark.parametrize(
    ("name", "said"),
    [("7", "versions that were: 1"), ("2025-07-15", "nearest: 2025-07-07"), ("9" * 5000, "history --retrainings")],
)
def test_what_is_unknown_is_one_message_and_exit_code_2(decided: Path, forest_fire: Run, name: str, said: str) -> None:
    answer = forest_fire("reproduce", name)
    assert answer.code == 2
    assert said in answer.err
    assert decided.exists()


def test_an_empty_home_stays_empty(home: Path, forest_fire: Run) -> None:
    answer = forest_fire("reproduce", "1")
    assert (answer.code, home.exists()) == (2, False)
    assert "forest-fire up" in answer.err
