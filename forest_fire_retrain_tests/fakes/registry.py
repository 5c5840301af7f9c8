"""A registry in memory, with the hooks that crash tests and meddling people need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.records import Candidate


def _pass_by(_point: str) -> None:
    """Let every step through."""


@dataclass
class FakeRegistry:
    """Implements `Registry`.

    `interrupt` is called with `before <method>` and `after <method>` around every write; raising
    there cuts the work at that point. `loses_alias_moves` makes the alias ignore moves. `mends_all` lets it put back
    versions whose number has passed, as a home's own store does.
    """

    models: dict[str, dict[int, RegisteredVersion]] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    interrupt: Callable[[str], None] = _pass_by
    loses_alias_moves: bool = False
    mends_all: bool = False
    n_registered: dict[str, int] = field(default_factory=dict)
    descriptions: dict[tuple[str, int], str] = field(default_factory=dict)
    addresses: dict[tuple[str, int], str] = field(default_factory=dict)

    def champion(self, model_name: str) -> int | None:
        return self.aliases.get(model_name)

    def versions(self, model_name: str) -> list[RegisteredVersion]:
        held = self.models.get(model_name, {})
        return [
            held[version]._replace(description=self.descriptions.get((model_name, version), ""))
            for version in sorted(held)
        ]

    def register(self, model_name: str, candidate: Candidate, decision_id: str, description: str) -> int:
        for held in self.versions(model_name):
            if held.tags.get("decision_id") == decision_id:
                return held.version
        self.interrupt("before register")
        version = self.n_registered.get(model_name, 0) + 1
        self.n_registered[model_name] = version
        tags = {
            "decision_id": decision_id,
            "candidate_id": candidate.candidate_id,
            "partition_key": candidate.windows.partition_key,
            "training_cutoff": candidate.windows.training_cutoff.isoformat(),
            "artifact_sha256": candidate.stored.artifact_sha256,
        }
        stored = candidate.stored
        registered = RegisteredVersion(version, stored.mlflow_run_id, tags, stored.model_uri)
        self.models.setdefault(model_name, {})[version] = registered
        self.descriptions[model_name, version] = description
        self.addresses[model_name, version] = candidate.stored.model_uri
        self.interrupt("after register")
        return version

    def tag(self, model_name: str, version: int, tags: Mapping[str, str]) -> None:
        held = self._get(model_name, version)
        self.interrupt("before tag")
        self.models[model_name][version] = held._replace(tags={**held.tags, **tags})
        self.interrupt("after tag")

    def describe(self, model_name: str, version: int, description: str) -> None:
        self._get(model_name, version)
        self.interrupt("before describe")
        self.descriptions[model_name, version] = description
        self.interrupt("after describe")

    def address(self, model_name: str, version: int) -> str | None:
        self._get(model_name, version)
        return self.addresses.get((model_name, version))

    def is_mendable(self, model_name: str, version: int) -> bool:
        return self.mends_all or version > self.n_registered.get(model_name, 0)

    def reinstate(
        self, model_name: str, version: int, candidate: Candidate, decision_id: str, description: str
    ) -> None:
        if not self.is_mendable(model_name, version):
            raise RegistryError(f"version {version} of {model_name} cannot be registered again")
        self.interrupt("before reinstate")
        stored, held = candidate.stored, self.models.setdefault(model_name, {}).get(version)
        tags = {
            **({} if held is None else held.tags),
            "decision_id": decision_id,
            "candidate_id": candidate.candidate_id,
            "partition_key": candidate.windows.partition_key,
            "training_cutoff": candidate.windows.training_cutoff.isoformat(),
            "artifact_sha256": stored.artifact_sha256,
        }
        self.n_registered[model_name] = max(version, self.n_registered.get(model_name, 0))
        self.models[model_name][version] = RegisteredVersion(version, stored.mlflow_run_id, tags, stored.model_uri)
        self.descriptions[model_name, version] = description
        self.addresses[model_name, version] = stored.model_uri
        self.interrupt("after reinstate")

    def point_champion(self, model_name: str, version: int) -> None:
        self._get(model_name, version)
        self.interrupt("before point_champion")
        if not self.loses_alias_moves:
            self.aliases[model_name] = version
        self.interrupt("after point_champion")
        if self.aliases.get(model_name) != version:
            observed = self.aliases.get(model_name)
            raise RegistryError(f"alias champion of {model_name} points at {observed}, expected {version}")

    def move_alias_by_hand(self, model_name: str, version: int | None) -> None:
        """Do what a person can do in MLflow's web page: point the alias anywhere, or drop it."""
        if version is None:
            self.aliases.pop(model_name, None)
        else:
            self.aliases[model_name] = version

    def delete_version_by_hand(self, model_name: str, version: int) -> None:
        """Delete a version as the web page does: an alias on it is dropped without a word."""
        del self.models[model_name][version]
        if self.aliases.get(model_name) == version:
            del self.aliases[model_name]

    def _get(self, model_name: str, version: int) -> RegisteredVersion:
        try:
            return self.models[model_name][version]
        except KeyError as error:
            raise RegistryError(f"{model_name} has no version {version}") from error
