"""Damage to a home, of each kind that the campaigns say they look for; every one is done from outside."""

import shutil
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import dagster as dg
import duckdb
import mlflow
import pyarrow as pa
import pyarrow.compute as pc
from mlflow import MlflowClient

from forest_fire_retrain.cli.home import open_instance
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.cut_rollbacks import begin_rollback
from forest_fire_retrain_tests.reliability.ui_jobs import job_of_the_home


class Damage(NamedTuple):
    """One damage, and the word that has to stand in a violation.

    Attributes
    ----------
    what : str
        For people.
    do : callable
        Does it.
    word : str
        What tells that it was noticed; without one, what the home comes to has to be another.
    """

    what: str
    do: Callable[[Installation], object]
    word: str


def _client(installation: Installation) -> tuple[MlflowClient, str]:
    return MlflowClient(installation.settings.tracking_uri), installation.settings.model_name


def _move_alias(installation: Installation) -> None:
    client, name = _client(installation)
    client.set_registered_model_alias(name, "champion", "1")


def _register_orphan(installation: Installation) -> None:
    client, name = _client(installation)
    mlflow.set_tracking_uri(installation.settings.tracking_uri)  # the client looks the model up there
    client.create_model_version(name, client.get_model_version(name, "2").source, tags={"decision_id": "of nobody"})


def _leave_mlflow_run(installation: Installation) -> None:
    client, name = _client(installation)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    client.create_run(experiment.experiment_id)


def _leave_dagster_run(installation: Installation) -> None:
    with open_instance(installation.settings) as instance:
        instance.create_run_for_job(job_of_the_home("verify_job"), status=dg.DagsterRunStatus.STARTED)


def _change_ledger(statement: str) -> Callable[[Installation], None]:
    def change(installation: Installation) -> None:
        with closing(duckdb.connect(installation.settings.ledger_file)) as file:
            for trigger in ("ledger_refuses_update", "ledger_refuses_delete"):
                file.execute(f"DROP TRIGGER {trigger} ON ledger")
            file.execute(statement)

    return change


def _leave_intent(installation: Installation) -> None:
    begin_rollback(installation.ledger)


def _say_twice(installation: Installation) -> None:
    log = installation.lake.read(PREDICTIONS)
    name = log["issue"][0].as_py()
    issue = log.filter(pc.equal(log["issue"], name))
    installation.lake.append(PREDICTIONS, issue)


def _say_under_another_name(installation: Installation) -> None:
    log = installation.lake.read(PREDICTIONS)
    issue = log.filter(pc.equal(log["issue"], log["issue"][0]))
    named = issue.set_column(0, log.schema.field("issue"), pa.array(["another"] * issue.num_rows))
    installation.lake.append(PREDICTIONS, named)


def _repeat_weather(installation: Installation) -> None:
    installation.lake.append(TableName.WEATHER, installation.lake.read(TableName.WEATHER).slice(0, 3))


def _lose_fire(installation: Installation) -> None:
    fires = installation.lake.read(TableName.FIRES)
    mark = installation.lake.complete_through(TableName.FIRES)
    installation.lake.overwrite(TableName.FIRES, fires.slice(1), notes={"complete_through": str(mark)})


def _lose_mark(installation: Installation) -> None:
    installation.lake.overwrite(TableName.FIRES, installation.lake.read(TableName.FIRES))


def _change_models(installation: Installation) -> None:
    for model in (installation.settings.home / "mlflow" / "artifacts").rglob("model.skops"):
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)


DAMAGES = (
    Damage("the alias is moved", _move_alias, "the alias is"),
    Damage("a version of no decision is registered", _register_orphan, "is an orphan"),
    Damage("an MLflow run is left", _leave_mlflow_run, "is RUNNING"),
    Damage("a Dagster run is left", _leave_dagster_run, "is STARTED"),
    Damage("a ledger row is edited", _change_ledger("UPDATE ledger SET actor = 'x' WHERE sequence = 2"), "chain:"),
    Damage(
        "the newest ledger row is cut off",
        _change_ledger("DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)"),
        "the copy has",
    ),
    Damage("a rollback is left open", _leave_intent, "is still open"),
    Damage("an issue is logged twice", _say_twice, "more than once"),
    Damage("an issue is logged again under another name", _say_under_another_name, "say the same"),
    Damage("rows of weather are written twice", _repeat_weather, "stand in weather"),
    Damage("a row of fires is lost", _lose_fire, ""),
    Damage("the mark of a table is lost", _lose_mark, "has lost its mark"),
    Damage("the models' bytes are changed", _change_models, "verify: model"),
    Damage("the lake's fires are removed", lambda made: shutil.rmtree(f"{made.settings.lake_root}/fires"), ""),
    Damage("a temporary file is left", lambda made: (made.settings.home / "x.1.part").touch(0o600), "temporary file"),
    Damage("the home is opened to others", lambda made: made.settings.home.chmod(0o755), "others may open"),
)
