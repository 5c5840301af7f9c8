"""Campaign `replay`: after many weeks, past ones are rematerialized; nothing that stood may change."""

import dataclasses
import hashlib
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.rows.ports import Source, SourceSlice
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.reliability.crashing import SEED, examine_slot
from forest_fire_retrain_tests.reliability.parks import clear, park, week
from forest_fire_retrain_tests.reliability.processes import Ended, ask, forest_fire, start
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending
from forest_fire_retrain_tests.reliability.watching import watch_this_process

# Reports that the simulated park itself corrects later would be differences too; here only ours arrive.
CHANGES = {"SIMULATOR__CORRECTION_SHARE": 0, "TRAINING_WINDOW_DAYS": 3000}
HOLDOUT_LAG_WEEKS = 2
WARMER_C = 3.0
AS_KNOWN, AS_CORRECTED = "as_known", "as_corrected"


class CorrectedSource:
    """A source that delivers other weather, and other cells of fires, than it did."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """The source's own name: corrections come from nobody else."""
        return self._source.name

    def read(self, recorded: Interval) -> SourceSlice:
        """What the source delivers, corrected."""
        delivered = self._source.read(recorded)
        return delivered._replace(
            weather=_set(delivered.weather, "temp_max_c", pc.add(delivered.weather["temp_max_c"], WARMER_C)),
            fires=_set(delivered.fires, "cell_id", pa.array([delivered.cells["cell_id"][0]] * len(delivered.fires))),
        )

    def read_whole(self) -> None:
        """It delivers slices only."""


class Replay(NamedTuple):
    """One past week to be materialized again."""

    number: int
    is_corrected: bool
    knowledge: str


class Standing(NamedTuple):
    """What must not change: the champion, its artifact, the ledger's rows, every stored artifact and record."""

    champion: int
    artifact_sha256: str
    row_hashes: list[str]
    files: dict[str, str]
    differences: list[list[object]]


def replay_past(slots: Sequence[Path], n_weeks: int, n_replays: int) -> Tally:
    """Decide `n_weeks` in one run, then replay past ones in random order, the second half with corrected data."""
    began, slot = time.monotonic(), slots[0]
    environment = park(slot, n_weeks, CHANGES)
    clear(slot)
    ended = start(forest_fire("backfill", "--from", week(1), "--to", week(n_weeks)), slot / "history", environment)
    wrong = find_bad_ending(ended.wait(1800.0))
    before = _look(slot, environment)
    if wrong or before is None:
        return count_up("replay", [Verdict("history", wrong or ["it cannot be read"])], time.monotonic() - began)
    corrected: list[int] = []
    verdicts = []
    for replay in _plan(n_weeks, n_replays):
        n_done = len(verdicts) + 1
        verdicts.append(_replay(slot, environment, replay, before=before, corrected=corrected, n_done=n_done))
        corrected += [replay.number] if replay.is_corrected else []
    found = examine_slot(slot, n_weeks, environment)
    saw = any(verdict.note.endswith("differ") for verdict in verdicts)
    last = Verdict("all", [*found.violations, *([] if saw else ["no replay saw a correction"])], n_faults=0)
    return count_up(f"replay after {n_weeks} weeks", [*verdicts, last], time.monotonic() - began)


def _plan(n_weeks: int, n_replays: int) -> list[Replay]:
    """Distinct past weeks in random order; the second half is corrected, every third of it replayed as known."""
    draw = random.Random(SEED)  # noqa: S311 - an order, not a secret
    chosen = draw.sample(range(1, n_weeks), n_replays)
    first_corrected = n_replays // 2
    return [
        Replay(number, place >= first_corrected, AS_KNOWN if place % 3 == 0 else AS_CORRECTED)
        for place, number in enumerate(chosen)
    ]


def _replay(
    slot: Path, environment: dict[str, str], replay: Replay, *, before: Standing, corrected: list[int], n_done: int
) -> Verdict:
    what = f"replay {n_done}, {week(replay.number)} {replay.knowledge}{' corrected' if replay.is_corrected else ''}"
    words = ("retrain", "--partition", week(replay.number), "--knowledge", replay.knowledge)
    ended = start(_retrain(words, is_corrected=replay.is_corrected), slot / "replay", environment).wait()
    violations, now = find_bad_ending(ended), _look(slot, environment)
    if now is None:
        return Verdict(what, [*violations, "what stands cannot be read"])
    violations += _compare(before, now, n_done)
    differs = bool(now.differences) and bool(now.differences[-1])
    if differs not in _allowed(replay, corrected):
        violations.append(f"it lists the differences {now.differences[-1:]}; corrected were weeks {corrected}")
    return Verdict(what, violations, f"{replay.knowledge} that {'differ' if differs else 'agree'}")


def _allowed(replay: Replay, corrected: list[int]) -> set[bool]:
    """Whether differences have to be listed: of weather two weeks later, of late reports up to two weeks earlier."""
    weeks = [*corrected, *([replay.number] if replay.is_corrected else [])]
    if replay.knowledge == AS_KNOWN or all(number > replay.number for number in weeks):
        return {False}
    return {True} if any(number <= replay.number - HOLDOUT_LAG_WEEKS for number in weeks) else {True, False}


def _compare(before: Standing, now: Standing, n_replays: int) -> list[str]:
    lost = [name for name, digest in before.files.items() if now.files.get(name) != digest]
    checks = {
        f"the champion is {now.champion}, was {before.champion}": now.champion == before.champion,
        "the champion's artifact has other bytes": now.artifact_sha256 == before.artifact_sha256,
        "original rows changed": now.row_hashes[: len(before.row_hashes)] == before.row_hashes,
        f"{len(now.differences)} replay rows, expected {n_replays}": len(now.differences) == n_replays,
        f"{len(now.row_hashes)} rows": len(now.row_hashes) == len(before.row_hashes) + n_replays,
        f"stored files changed: {lost[:3]}": not lost,
    }
    return [fault for fault, holds in checks.items() if not holds]


def _look(slot: Path, environment: dict[str, str]) -> Standing | None:
    answer = ask(_describe, slot / "standing", environment)
    return None if isinstance(answer, Ended) else Standing(*answer)  # type: ignore[misc] # a standing as a list


def _describe() -> Standing:
    settings = load_settings()
    installation = build_installation(settings)
    entries = installation.ledger.entries(settings.model_name)
    state = fold(entries)
    champion = installation.registry.champion(settings.model_name)
    if champion is None or champion != state.champion:
        msg = f"the alias is {champion}, the ledger's champion {state.champion}"
        raise RuntimeError(msg)
    folders = (settings.mlflow_home / "artifacts", settings.home / "records")
    files = {
        str(path.relative_to(settings.home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    artifact = state.candidates[champion].stored.artifact_sha256
    if artifact not in files.values():
        msg = f"no stored file has the champion's SHA-256 {artifact}"
        raise RuntimeError(msg)
    replays = [entry for entry in entries if entry.kind is EntryKind.REPLAY]
    differences = [[found.what for found in read_payload(entry).differences or ()] for entry in replays]
    return Standing(champion, artifact, [entry.entry_hash for entry in entries], files, differences)  # type: ignore[arg-type] # lists of str


def _retrain(words: tuple[str, ...], *, is_corrected: bool) -> Callable[[], None]:
    """The command, on a source that delivers corrections if it is asked to."""

    def run() -> None:
        if is_corrected:
            watch_this_process(lambda _name, _side: None, _correct)
        forest_fire(*words)()

    return run


def _correct(installation: Installation) -> Installation:
    return dataclasses.replace(installation, source=CorrectedSource(installation.source))


def _set(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column.cast(table.schema.field(place).type))
