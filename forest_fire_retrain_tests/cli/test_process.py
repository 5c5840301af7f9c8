"""How a command's process starts and ends: what it imports, its exit code, all output written."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.cli.faults import exit_code_for
from forest_fire_retrain.cli.process import exit_code_of
from forest_fire_retrain.core.errors import LedgerError

HEAVY = ("sklearn", "scipy", "pandas", "dagster", "mlflow", "matplotlib", "numpy", "pyarrow")
LIGHT_COMMANDS = {
    "history": ("history", "--json"),
    "retrainings": ("history", "--retrainings"),
    "events": ("history", "--events"),
    "champion": ("champion",),
    "skill": ("skill",),
    "status": ("status",),
    "help": ("--help",),
    "ledger help": ("ledger", "--help"),
}
WITHOUT_MODELS = {
    "backup": ("ledger", "backup", "copy.duckdb"),
    "restore": ("ledger", "restore", "no-such-file"),
    "export": ("ledger", "export"),
}
RUN = "import sys; from forest_fire_retrain.cli import run; sys.argv = ['forest-fire', *sys.argv[1:]]; run()"
TELL = (
    "import atexit, sys; from forest_fire_retrain.cli import run; sys.argv = ['forest-fire', *sys.argv[1:]]; "
    "atexit.register(lambda: print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)); run()"
)


def start(program: str, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "FOREST_FIRE_HOME": str(home), "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", program, *words], env=environment, cwd=home, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", LIGHT_COMMANDS.values(), ids=LIGHT_COMMANDS.keys())
def test_a_command_that_only_reads_imports_no_library_of_arrays_models_or_orchestration(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "records").mkdir()  # so that it is a home
    done = start(TELL, *words, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.splitlines()[-1].split()) & set(HEAVY) == set()


@pytest.mark.parametrize("words", WITHOUT_MODELS.values(), ids=WITHOUT_MODELS.keys())
def test_a_command_on_the_ledgers_files_imports_no_library_of_models_or_orchestration(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "records").mkdir()
    done = start(TELL, *words, home=tmp_path)
    assert set(done.stderr.splitlines()[-1].split()) & set(HEAVY) - {"numpy", "pyarrow"} == set()


def test_a_foreseeable_fault_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    done = start(RUN, "ledger", "restore", "no-such-file", home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("forest-fire: there is no backup at ")
    assert done.stderr.count("\n") == 1


def test_wrong_use_is_exit_code_2(tmp_path: Path) -> None:
    assert start(RUN, "conjure", home=tmp_path).returncode == 2


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "FOREST_FIRE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    command = f'{sys.executable} -c "{RUN}" --help | true'
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def _stop_with(code: object) -> Iterator[None]:
    raise SystemExit(code)
    yield


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (0, 0), (1, 1), (2, 2), ("what is wrong", 1)])
def test_the_exit_code_is_what_python_would_end_with(
    code: object, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(lambda: next(_stop_with(code))) == expected
    assert capsys.readouterr().err == ("what is wrong\n" if isinstance(code, str) else "")


def test_an_error_that_nobody_foresaw_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    assert exit_code_of(fail) == 1
    assert capsys.readouterr().err.endswith("ValueError: a bug\n")


class PanicException(BaseException):
    """What pyo3 makes of a panic."""


class OutOfMemoryException(Exception):  # noqa: N818 - so DuckDB calls it
    """What DuckDB raises."""


def made_of(cause: BaseException) -> LedgerError:
    fault = LedgerError("the ledger cannot be used")
    fault.__cause__ = cause
    return fault


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/srv/x"), "No space left on device (/srv/x). What was"),
        (OSError(errno.EFBIG, "File too large"), "Raise the limit on the size of files (ulimit -f)"),
        (
            PanicException('no runtime: Os { code: 24, kind: X, message: "Too many" }'),
            "limit on open files (ulimit -n)",
        ),
        (MemoryError(), "there is not enough memory. What was decided before stands"),
        (made_of(OutOfMemoryException("no block")), "there is not enough memory"),
        (ImportError("x.so: failed to map segment from shared object"), "there is not enough memory"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (OverflowError("date value out of range"), "too near an end of the calendar"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "Give it in UTF-8"),
        (made_of(OSError("x")), "the ledger cannot be used"),
    ],
)
def test_a_limit_that_was_met_is_one_message(
    fault: BaseException, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["forest-fire", "retrain", "--partition", "2025-07-07"])
    assert exit_code_for(fault) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("fault", [ValueError("a bug"), KeyError("x"), OSError("without a number")])
def test_what_nobody_foresaw_keeps_its_traceback(fault: BaseException) -> None:
    assert exit_code_for(fault) is None


def test_a_traceback_holds_no_secret(tmp_path: Path) -> None:
    broken = "import forest_fire_retrain.cli as cli; cli.main = lambda: int('http://u:s3cr3t@h'); cli.run()"
    done = start(broken, "status", home=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "s3cr3t" not in done.stderr
