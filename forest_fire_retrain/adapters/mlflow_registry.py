"""Versions, tags and the alias `champion` in MLflow's model registry; aliases, never stages.

Rules
-----
- A decision has at most one version: registering looks for its `decision_id` first.
- The alias is moved in one step and read back; MLflow has no compare-and-swap, so the caller holds
  the ledger's lock.
- What does not exist is `None` or empty; every other refusal is a `RegistryError`.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from forest_fire_retrain.adapters.mlflow_addresses import lead_here
from forest_fire_retrain.adapters.mlflow_connection import (
    connect,
    is_absent,
    is_missing,
    mlflow_exception,
    refusals_as,
    sqlite_path,
)
from forest_fire_retrain.adapters.mlflow_versions import create_version, is_own_store, write_version
from forest_fire_retrain.core.errors import RegistryError
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.records import Candidate

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION_ALIAS = "champion"
NO_STAGE = "None"
MODEL_DESCRIPTION = (
    "Probability that a fire starts, per cell and day. The alias `champion` is the version in production; it is "
    "moved by forest_fire_retrain only, and every move is in its ledger (forest-fire history).\n\n"
    "A version's description is its model card. Its tag `status` says what it is: `production`, `archived` (was in "
    "production), `quarantined` (was rolled back from, with day and reason in `quarantined` and `reason`) or "
    "`abandoned` (its promotion was not carried out). Why it was promoted: `forest-fire history --retrainings`, or the "
    "asset adjudication_decision in Dagster. Candidates that were not promoted have a run in the experiment of this "
    "name, and no version."
)

Answer = TypeVar("Answer")


class MlflowRegistry:
    """The model registry; one step per method.

    Parameters
    ----------
    tracking_uri : str
        An sqlite URI or a server's address.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri

    def champion(self, model_name: str) -> int | None:
        """Version the alias `champion` points at, if any.

        Raises
        ------
        RegistryError
            If MLflow cannot be asked.
        """
        if is_absent(self._tracking_uri):
            return None
        with refusals_as(RegistryError, self._tracking_uri, f"reading the champion of {model_name}"):
            client = connect(self._tracking_uri)
            model = _unless_missing(lambda: client.get_registered_model(model_name))
            version = None if model is None else model.aliases.get(CHAMPION_ALIAS)
            return None if version is None else int(version)

    def versions(self, model_name: str) -> list[RegisteredVersion]:
        """All versions, oldest first; empty if the model is unknown.

        Raises
        ------
        RegistryError
            If MLflow cannot be asked.
        """
        if is_absent(self._tracking_uri):
            return []
        with refusals_as(RegistryError, self._tracking_uri, f"listing the versions of {model_name}"):
            found = _search(connect(self._tracking_uri), f"name = '{_plain(model_name)}'")
        return sorted((_as_registered(one) for one in found), key=lambda held: held.version)

    def register(self, model_name: str, candidate: Candidate, decision_id: str, description: str) -> int:
        """Register the candidate's model for `decision_id`; the same decision again finds the same version.

        Parameters
        ----------
        model_name : str
            The registered model; created with a description if it is missing.
        candidate : Candidate
            Whose stored model becomes the version.
        decision_id : str
            The decision that asks for it.
        description : str
            What people read of the version, in Markdown.

        Raises
        ------
        RegistryError
            If MLflow refuses, or holds more than one version for the decision.
        """
        with refusals_as(RegistryError, self._tracking_uri, f"registering a version of {model_name}"):
            client = connect(self._tracking_uri)
            held = _version_of_decision(client, model_name, decision_id)
            if held is not None:
                return held
            _make_model(client, model_name)
            created = client.create_model_version(
                model_name,
                source=candidate.stored.model_uri,
                run_id=candidate.stored.mlflow_run_id,
                model_id=candidate.stored.model_uri.removeprefix("models:/"),
                tags=_tags_of(candidate, decision_id),
                description=description,
            )
            return int(created.version)

    def tag(self, model_name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version.

        Raises
        ------
        RegistryError
            If there is no such version, or MLflow refuses.
        """
        with refusals_as(RegistryError, self._tracking_uri, f"tagging version {version} of {model_name}"):
            client = connect(self._tracking_uri)
            for name, value in tags.items():
                client.set_model_version_tag(model_name, str(version), name, value)

    def describe(self, model_name: str, version: int, description: str) -> None:
        """Set what people read of a version, in Markdown.

        Raises
        ------
        RegistryError
            If there is no such version, or MLflow refuses.
        """
        with refusals_as(RegistryError, self._tracking_uri, f"describing version {version} of {model_name}"):
            connect(self._tracking_uri).update_model_version(model_name, str(version), description)

    def address(self, model_name: str, version: int) -> str | None:
        """Where whoever loads the version by name and number, or by alias, is led to; `None` if nothing says so.

        Raises
        ------
        RegistryError
            If there is no such version, or MLflow cannot be asked.
        """
        with refusals_as(
            RegistryError, self._tracking_uri, f"reading the address of version {version} of {model_name}"
        ):
            address: str = connect(self._tracking_uri).get_model_version_download_uri(model_name, str(version))
        return lead_here(address, sqlite_path(self._tracking_uri)) or None

    def is_mendable(self, model_name: str, version: int) -> bool:
        """Whether `reinstate` could make a version what the ledger says: in a home's own store, or at its end.

        Raises
        ------
        RegistryError
            If MLflow cannot be asked.
        """
        if is_own_store(sqlite_path(self._tracking_uri)):
            return True
        return version > max((held.version for held in self.versions(model_name)), default=0)

    def reinstate(
        self, model_name: str, version: int, candidate: Candidate, decision_id: str, description: str
    ) -> None:
        """Make `version` what it was registered as, under its own number; its other tags stay.

        Raises
        ------
        RegistryError
            If the stored model is gone, or MLflow does not give the number any more.
        """
        stored, database = candidate.stored, sqlite_path(self._tracking_uri)
        with refusals_as(RegistryError, self._tracking_uri, f"putting back version {version} of {model_name}"):
            client = connect(self._tracking_uri)
            model = client.get_logged_model(stored.model_uri.removeprefix("models:/"))
            _make_model(client, model_name)
            if database is not None and is_own_store(database):
                location = lead_here(model.artifact_location, database)
                write_version(database, (model_name, version), stored, location=location, description=description)
            else:
                create_version(client, model_name, version, stored, description)
        self.tag(model_name, version, _tags_of(candidate, decision_id))

    def point_champion(self, model_name: str, version: int) -> None:
        """Move the alias and read it back.

        Raises
        ------
        RegistryError
            If there is no such version, or the alias does not point at `version` afterwards.
        """
        with refusals_as(RegistryError, self._tracking_uri, f"pointing champion at version {version} of {model_name}"):
            connect(self._tracking_uri).set_registered_model_alias(model_name, CHAMPION_ALIAS, str(version))
        observed = self.champion(model_name)
        if observed != version:
            msg = (
                f"the alias {CHAMPION_ALIAS} of {model_name} points at version {observed} after it was moved to "
                f"{version}: something else moves it. Run: forest-fire verify"
            )
            raise RegistryError(msg)


def _as_registered(found: "ModelVersion") -> RegisteredVersion:
    stage = found.current_stage or ""
    return RegisteredVersion(
        int(found.version),
        found.run_id or "",
        dict(found.tags),
        found.source or "",
        "" if stage == NO_STAGE else stage,
        dt.datetime.fromtimestamp(found.creation_timestamp / 1000, dt.UTC),
        found.description or "",
    )


def _make_model(client: "MlflowClient", model_name: str) -> None:
    """Make the registered model where it is missing."""
    if _unless_missing(lambda: client.get_registered_model(model_name)) is None:
        client.create_registered_model(model_name, description=MODEL_DESCRIPTION)


def _tags_of(candidate: Candidate, decision_id: str) -> dict[str, str]:
    return {
        "decision_id": decision_id,
        "candidate_id": candidate.candidate_id,
        "partition_key": candidate.windows.partition_key,
        "training_cutoff": candidate.windows.training_cutoff.isoformat(),
        "artifact_sha256": candidate.stored.artifact_sha256,
    }


def _version_of_decision(client: "MlflowClient", model_name: str, decision_id: str) -> int | None:
    query = f"name = '{_plain(model_name)}' AND tags.decision_id = '{_plain(decision_id)}'"
    numbers = sorted(int(version.version) for version in _search(client, query))
    if len(numbers) > 1:
        msg = (
            f"{model_name} has {len(numbers)} versions for decision {decision_id} ({', '.join(map(str, numbers))}), "
            "allowed is one. Delete those without the alias in MLflow, then run: forest-fire verify"
        )
        raise RegistryError(msg)
    return numbers[0] if numbers else None


def _search(client: "MlflowClient", query: str) -> "list[ModelVersion]":
    """All pages of the answer."""
    page = client.search_model_versions(query)
    found = list(page)
    while page.token:
        page = client.search_model_versions(query, page_token=page.token)
        found += list(page)
    return found


def _unless_missing(ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except mlflow_exception() as error:
        if is_missing(error):
            return None
        raise


def _plain(text: str) -> str:
    """`text`, safe to stand between quotes of a search."""
    if "'" in text or "\\" in text:
        msg = f"{text!r} holds a quote or a backslash; names and decision ids take letters, digits, '_', '.' and '-'"
        raise RegistryError(msg)
    return text
