"""A broken `dagster.yaml` ends in one message that names the file, whatever is wrong with it."""

from pathlib import Path

import pytest

from forest_fire_retrain_tests.cli.conftest import Run

BROKEN = {
    "no end": b"run_queue: [",
    "an unknown name": b"nonsense: 1",
    "a number for a section": b"storage: 5",
    "no text": b"\xff\xfe\x00",
    "a list": b"- run_queue",
    "a word for a number": b"run_queue: {max_concurrent_runs: many}",
    "a missing driver": b"storage: {custom: {module: no_such_driver, class: Storage, config: {}}}",
    "an unset variable": b"storage: {sqlite: {base_dir: {env: NO_SUCH_VARIABLE}}}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("words", [("up",), ("retrain", "--partition", "2025-07-07")], ids=["up", "retrain"])
def test_a_broken_file_is_one_message(small_park: Path, forest_fire: Run, text: bytes, words: tuple[str, ...]) -> None:
    path = small_park / "dagster" / "dagster.yaml"
    path.parent.mkdir()
    path.write_bytes(text)
    answer = forest_fire(*words)
    assert answer.code == 2, answer
    assert f"forest-fire: {path} is broken" in answer.err
    assert "Traceback" not in answer.err
    assert len(answer.err) < 800
    assert path.read_bytes() == text
    assert not (small_park / "ledger.duckdb").exists()
