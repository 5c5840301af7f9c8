"""A tracker in memory: runs are rows, models are deep copies with a digest."""

import copy
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import joblib
import pandas as pd

from forest_fire_retrain.core.errors import ArtifactTamperedError, TrackingError
from forest_fire_retrain.core.models.ports import CandidateRun, RowsUsed, TaggedRun
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.risk_model import RiskModel


@dataclass
class FakeRun:
    """One run and all that was logged to it."""

    run_id: str
    name: str
    tags: dict[str, str]
    status: str = "RUNNING"
    parameters: dict[str, object] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    rows: list[RowsUsed] = field(default_factory=list)
    started_at: dt.datetime = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


@dataclass
class FakeCandidateRun:
    """The open run that a candidate is logged to."""

    run: FakeRun

    @property
    def run_id(self) -> str:
        return self.run.run_id

    def log(
        self,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        rows: Sequence[RowsUsed] = (),
        stored: StoredModel | None = None,
    ) -> None:
        assert stored is None or stored.mlflow_run_id == self.run_id
        self.run.parameters.update(parameters)
        self.run.metrics.update(metrics)
        self.run.rows.extend(rows)


@dataclass
class FakeTracker:
    """Implements `Tracker` and `ModelStore`; `tamper` and `forget` do what a person with file access could do."""

    runs: list[FakeRun] = field(default_factory=list)
    models: dict[str, RiskModel] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    other_files: dict[str, list[str]] = field(default_factory=dict)
    deleted_runs: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """A list needs no preparation."""

    def open_run(self, name: str, tags: Mapping[str, str]) -> str:
        with self.candidate_run(name, tags) as run:
            return run.run_id

    def page_of_run(self, run_id: str) -> str:
        return f"#/experiments/0/runs/{run_id}"

    def tag_run(self, run_id: str, name: str, value: str) -> None:
        self._get(run_id).tags[name] = value

    def name_run(self, run_id: str, name: str, tags: Mapping[str, str]) -> None:
        run = self._get(run_id)
        run.name = name
        run.tags.update(tags)

    def list_tagged_runs(self, name: str, *, limit: int) -> list[TaggedRun]:
        tagged = [TaggedRun(run.run_id, run.started_at, run.tags[name]) for run in self.runs if name in run.tags]
        return sorted(tagged, key=lambda run: run.started_at, reverse=True)[:limit]

    def for_workers(self) -> "FakeTracker":
        return self

    def end_active_run(self, *, failed: bool) -> None:
        for run in self.runs:
            if run.status == "RUNNING":
                run.status = "FAILED" if failed else "FINISHED"

    @contextmanager
    def candidate_run(self, name: str, tags: Mapping[str, str]) -> Iterator[FakeCandidateRun]:
        run = FakeRun(run_id=f"run-{len(self.runs) + 1:04d}", name=name, tags=dict(tags))
        run.started_at += dt.timedelta(minutes=len(self.runs))
        self.runs.append(run)
        try:
            yield FakeCandidateRun(run)
        except BaseException as error:
            run.status = "FAILED" if isinstance(error, Exception) else "KILLED"
            raise
        run.status = "FINISHED"

    def save(self, run: CandidateRun, model: RiskModel, example: pd.DataFrame) -> StoredModel:
        assert len(example.columns) > 0
        uri = f"models:/fake-{run.run_id}-{len(self.models)}"
        self.models[uri] = copy.deepcopy(model)
        self.digests[uri] = digest(model)
        return StoredModel(mlflow_run_id=run.run_id, model_uri=uri, artifact_sha256=digest(model))

    def load(self, stored: StoredModel) -> RiskModel:
        if stored.model_uri not in self.models:
            raise TrackingError(f"model {stored.model_uri} cannot be read")
        observed = self.digests[stored.model_uri]
        if observed != stored.artifact_sha256:
            raise ArtifactTamperedError(f"{stored.model_uri}: SHA-256 {observed}, recorded {stored.artifact_sha256}")
        return copy.deepcopy(self.models[stored.model_uri])

    def address(self, stored: StoredModel) -> str:
        if stored.model_uri not in self.models:
            raise TrackingError(f"model {stored.model_uri} is not known")
        return stored.model_uri

    def find_other_files(self, stored: StoredModel) -> list[str]:
        return self.other_files.get(stored.model_uri, [])

    def find_run_fault(self, stored: StoredModel) -> str | None:
        if stored.mlflow_run_id in self.deleted_runs:
            return f"its run {stored.mlflow_run_id} was deleted in MLflow"
        return None

    def close_abandoned_runs(self, is_over: Callable[[str], bool]) -> int:
        abandoned = [
            run
            for run in self.runs
            if run.status == "RUNNING" and "dagster_run_id" in run.tags and is_over(run.tags["dagster_run_id"])
        ]
        for run in abandoned:
            run.status = "FAILED"
        return len(abandoned)

    def _get(self, run_id: str) -> FakeRun:
        run = next((run for run in self.runs if run.run_id == run_id), None)
        if run is None:
            raise TrackingError(f"there is no run {run_id}")
        return run

    def tamper(self, stored: StoredModel) -> None:
        """Change the bytes at rest."""
        self.digests[stored.model_uri] = hashlib.sha256(b"tampered").hexdigest()

    def forget(self, stored: StoredModel) -> None:
        """Delete the model at rest."""
        del self.models[stored.model_uri]

    def status_of(self, run_id: str) -> str:
        """Status of a run."""
        return next(run.status for run in self.runs if run.run_id == run_id)


def digest(model: RiskModel) -> str:
    """Equal for equal fitted models; stands for the artifact's SHA-256."""
    return hashlib.sha256(joblib.hash(model).encode()).hexdigest()
