"""Real processes: Ctrl-C, limits of memory and files, a missing driver, other encodings, secrets at every exit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.core.ledger.entries import find_first_fault
from forest_fire_retrain_tests.cli.conftest import SMALL_PARK, furnish, run_command, settle_in

PROGRAM = "from forest_fire_retrain.cli import run; run()"
WEEK = "2025-07-14"
FULL = Path("/dev/full")


def environment_of(home: Path, **others: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOREST_FIRE_", "MLFLOW_"))}
    park = {f"FOREST_FIRE_{name}": value for name, value in SMALL_PARK.items()}
    ours = {"FOREST_FIRE_HOME": str(home), "PYTHONPATH": ":".join(sys.path), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    return {**kept, **park, **ours, **others}


def start(home: Path, *words: str, limit: str = "true", **others: str) -> "subprocess.Popen[str]":
    """The command in a session of its own, under a limit that the shell sets."""
    command = ["/bin/sh", "-c", f'{limit} && exec "$0" "$@"', sys.executable, "-c", PROGRAM, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = environment_of(home, **others)
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def finish(started: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = started.communicate(timeout=240)
    return started.returncode, out, err


@pytest.fixture(scope="module")
def decided_once(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """One decided period."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("once") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "retrain", "--partition", "2025-07-07") == 0
        yield home
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture
def decided(decided_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(decided_once, tmp_path / "home"))


def interrupt(started: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Ctrl-C as a terminal does it: to every process of the session's group."""
    os.killpg(started.pid, signal.SIGINT)
    return finish(started)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["1 s", "features", "adjudication_decision"])
def test_ctrl_c_in_a_retrain_is_one_line_and_the_same_command_goes_on(decided: Path, step: str) -> None:
    started = start(decided, "retrain", "--partition", WEEK)
    assert started.stdout is not None
    if step.endswith(" s"):
        time.sleep(float(step.removesuffix(" s")))
    else:
        next((line for line in started.stdout if line.startswith(step)), None)
    code, _, err = interrupt(started)
    said = [line for line in err.splitlines() if not line.startswith("This home was moved")]
    if code == 0:  # it was done before the signal came
        assert step in ("1 s", "adjudication_decision")
    else:
        assert code == 130, err
        expected = (
            "forest-fire: stopped by Ctrl-C; what was decided before stands, and the next run finishes what this one "
            f"began. To go on, run: forest-fire retrain --partition {WEEK}"
        )
        assert said == [expected]
    code, out, err = finish(start(decided, "retrain", "--partition", WEEK))
    assert code == 0, err
    assert "champion: version 1" in out
    rows = DuckDbLedger(decided / "ledger.duckdb", patience_seconds=1).entries()
    assert find_first_fault(rows) is None
    assert [row.partition_key for row in rows if row.kind == "decision"] == ["2025-07-07", WEEK]


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_ctrl_c_in_a_command_that_reads_says_that_nothing_was_changed(tmp_path: Path, seconds: float) -> None:
    started = start(tmp_path, "backtest", "--from", "2022-01-03", "--to", "2026-01-05", "--out", str(tmp_path / "out"))
    time.sleep(seconds)
    code, _, err = interrupt(started)
    if "in run" not in err and "stopped" not in err:
        return  # Python itself was still beginning
    assert code == 130, err
    assert "Traceback" not in err
    assert "forest-fire: stopped by Ctrl-C" in err
    assert "To go on, run: forest-fire backtest --from 2022-01-03" in err or "before anything was done" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("ulimit -v 1000000", "not enough memory"),
        ("ulimit -f 1", "ulimit -f"),
        ("ulimit -n 24", "files"),  # in the words of whoever meets it first
    ],
)
def test_a_limit_of_the_machine_ends_with_a_message_and_harms_nothing(decided: Path, limit: str, said: str) -> None:
    code, _, err = finish(start(decided, "retrain", "--partition", WEEK, limit=limit))
    assert code == 2, err
    last = err.rstrip().splitlines()[-1]
    assert last.startswith("forest-fire: ")
    assert said in last
    assert "Traceback" not in last
    assert finish(start(decided, "retrain", "--partition", WEEK))[0] == 0


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_behind_the_output_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    with FULL.open("w") as full:
        command = [sys.executable, "-c", PROGRAM, "history", "--json"]
        done = subprocess.run(
            command, env=environment_of(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_missing_database_driver_is_one_line_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    address = "postgresql+pg8000://u:hun/ter2@db.example.org/mlflow"
    code, _, err = finish(start(tmp_path, "verify", FOREST_FIRE_MLFLOW_TRACKING_URI=address))
    assert (code, err.count("\n")) == (2, 1)
    assert "the driver of the database postgresql+pg8000://***@db.example.org/mlflow is missing" in err
    assert "hun" not in err


@pytest.mark.slow
def test_no_secret_of_an_address_is_shown_or_kept_anywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secrets = ("hunter2", "sw0rdf1sh", "s1gnature")
    addresses = {
        "FOREST_FIRE_MLFLOW_TRACKING_URI": f"http://bob:{secrets[0]}%2Fx@127.0.0.1:9",
        "FOREST_FIRE_LAKE_URI": f"s3://KEY:{secrets[1]}/x@bucket/lake?sig={secrets[2]}",
    }
    said = ""
    for words in (("retrain",), ("status",), ("status", "--json"), ("verify",), ("predict",), ("history",)):
        _, out, err = finish(start(home, *words, **addresses))
        assert "Traceback" not in err, err
        said += out + err
    assert "http://***@127.0.0.1:9" in said
    held = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()).decode("utf-8", "replace")
    for secret in secrets:
        assert secret not in said
        assert secret not in held


def test_a_page_in_another_encoding_spells_what_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    code, out, err = finish(start(tmp_path, "status", PYTHONIOENCODING="ascii:strict"))
    assert code == 0, err
    assert "\\u2014" in out
