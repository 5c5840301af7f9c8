"""The house: which room may import which other rooms and which libraries.

A room is a wing (`core/decision`), a folder, or a single module. A module belongs to the longest room that names it. A
new module in an old room needs nothing here; a new adapter is a room of its own, and says which library it is for.
"""

from typing import NamedTuple


class Room(NamedTuple):
    """What the modules of a room may import besides the standard library and each other."""

    rooms: frozenset[str]
    libraries: frozenset[str]


def room(*imports: str) -> Room:
    """A room; what holds a slash or is a top-level part is another room, the rest are libraries."""
    rooms = frozenset(name for name in imports if "/" in name or name in TOP_LEVEL)
    return Room(rooms, frozenset(imports) - rooms)


TOP_LEVEL = {
    *("clock", "settings", "installation", "operations", "production", "proofs", "model_access", "investigate"),
    *("definitions", "defs", "backtest", "cli"),
}
BASE = (
    *("core/errors", "core/windows", "core/periods", "core/canonical_json", "core/table_fingerprints"),
    *("core/records", "core/losses", "core/park_calendar"),
)
WINGS = ("core/rows", "core/models", "core/decision", "core/ledger", "core/serving")
CORE = (*BASE, *WINGS, "core/risk_model", "core/ports")
FOR_RECORDS = ("core/errors", "core/records", "core/canonical_json")
MLFLOW = ("adapters/mlflow_addresses", "adapters/mlflow_connection", "core/errors")

HOUSE: dict[str, Room] = {
    # what everything stands on
    "core/errors": room(),
    "core/windows": room("core/errors", "pydantic"),
    "core/periods": room("core/errors", "core/windows", "pydantic"),
    "core/park_calendar": room("core/windows"),
    "core/moments": room("core/errors", "core/windows"),
    "core/matters": room(),
    "core/canonical_json": room(),
    "core/table_fingerprints": room("core/canonical_json", "numpy", "pyarrow"),
    "core/records": room("core/canonical_json", "core/windows", "pydantic"),
    "core/losses": room("numpy"),
    "core/risk_model": room("core/errors", "core/losses", "numpy", "pandas", "scipy", "sklearn", "threadpoolctl"),
    # the wings of the core
    "core/rows": room(*BASE, "numpy", "pandas", "pyarrow"),
    "core/models": room(
        *BASE, "core/risk_model", "core/rows", "numpy", "pandas", "pyarrow", "sklearn", "threadpoolctl"
    ),
    "core/decision": room(*BASE, "numpy", "pandas", "scipy", "sklearn", "pydantic"),
    "core/ledger": room(*BASE, "core/decision", "pydantic"),
    "core/serving": room(
        *BASE,
        *("core/ledger", "core/risk_model", "core/rows"),
        *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "threadpoolctl"),
    ),
    "core/ports": room("core/records", "core/rows", "core/models", "core/ledger"),
    # the wings of the pipeline
    "pipeline/preparing": room(*CORE, "pyarrow"),
    "pipeline/custody": room(*CORE, "pipeline/preparing", "numpy", "pyarrow", "pydantic"),
    "pipeline/retraining": room(*CORE, "pipeline/preparing", "pipeline/custody", "numpy", "pyarrow"),
    "pipeline/serving": room(*CORE, "pipeline/preparing", "pyarrow"),
    "pipeline/investigating": room(
        *(*CORE, "pipeline/preparing", "pipeline/retraining", "pipeline/serving", "numpy", "pandas", "pyarrow")
    ),
    # adapters: one external thing each
    "adapters/atomic_files": room(),
    "adapters/delta_lake": room("core/errors", "core/rows", "core/windows", "deltalake", "pyarrow"),
    "adapters/duckdb_engine": room("duckdb", "pyarrow"),
    "adapters/duckdb_ledger": room(
        "adapters/atomic_files",
        "adapters/ledger_migrations",
        "adapters/ledger_schema",
        "core/errors",
        "core/ledger",
        "duckdb",
        "filelock",
        "pydantic",
    ),
    "adapters/explanation_pictures": room("core/serving", "matplotlib"),
    "adapters/folder_source": room(
        "adapters/table_files", "core/errors", "core/rows", "core/windows", "numpy", "pyarrow"
    ),
    "adapters/kept_files": room("adapters/atomic_files", "core/errors"),
    "adapters/lake_notes": room("core/errors", "deltalake"),
    "adapters/ledger_backup": room("adapters/atomic_files", "adapters/duckdb_ledger", "core/errors", "core/ledger"),
    "adapters/ledger_export": room(
        "adapters/atomic_files",
        "adapters/ledger_schema",
        "adapters/reigns_file",
        "core/canonical_json",
        "core/errors",
        "core/ledger",
        "duckdb",
        "pydantic",
    ),
    "adapters/ledger_migrations": room(),
    "adapters/ledger_witnesses": room(
        "adapters/ledger_export", "adapters/ledger_schema", "core/errors", "core/ledger", "duckdb"
    ),
    "adapters/ledger_schema": room("core/ledger"),
    "adapters/mlflow_addresses": room("core/errors"),
    "adapters/mlflow_connection": room("adapters/mlflow_addresses", "core/errors", "filelock", "mlflow", "sqlalchemy"),
    "adapters/mlflow_models": room(
        *MLFLOW,
        "adapters/model_folders",
        "adapters/runtime_environment",
        "adapters/verified_models",
        "core/models",
        "core/records",
        "core/risk_model",
        "mlflow",
        "pandas",
    ),
    "adapters/mlflow_registry": room(*MLFLOW, "adapters/mlflow_versions", "core/ledger", "core/records", "mlflow"),
    "adapters/mlflow_tracking": room(*MLFLOW, "core/models", "mlflow"),
    "adapters/mlflow_versions": room("adapters/mlflow_addresses", "core/errors", "core/records", "mlflow"),
    "adapters/model_folders": room("adapters/verified_models", "core/canonical_json", "core/errors", "core/records"),
    "adapters/optuna_search": room("core/errors", "core/records", "optuna"),
    "adapters/record_files": room("adapters/atomic_files", *FOR_RECORDS),
    "adapters/reigns_file": room("adapters/ledger_schema", "core/errors", "core/ledger", "duckdb", "pyarrow"),
    "adapters/runtime_environment": room("core/models", "core/records", "numpy", "scipy", "threadpoolctl"),
    "adapters/shap_explainer": room("core/serving", "numpy", "shap", "sklearn"),
    "adapters/simulated_settings": room("pydantic"),
    "adapters/simulated_weather": room("adapters/simulated_settings", "core/rows", "numpy"),
    "adapters/simulated_fires": room("adapters/simulated_settings", "adapters/simulated_weather", "core/rows", "numpy"),
    "adapters/simulator": room(
        "adapters/simulated_settings",
        "adapters/simulated_weather",
        "adapters/simulated_fires",
        "core/rows",
        "core/windows",
        "numpy",
        "pyarrow",
    ),
    "adapters/spark_scoring": room("adapters/verified_models", "core/errors", "pandas", "pyspark"),
    "adapters/table_files": room("core/errors", "core/rows", "pyarrow"),
    "adapters/verified_models": room("core/errors", "core/risk_model", "skops"),
    "adapters/witness_key": room("adapters/atomic_files", "core/errors", "cryptography"),
    "adapters/worker_processes": room("core/errors"),
    # a history under several rules
    "backtest": room(
        *CORE,
        "adapters/duckdb_engine",
        "adapters/folder_source",
        "adapters/simulated_settings",
        "adapters/simulator",
        "adapters/worker_processes",
        "matplotlib",
        "numpy",
        "pandas",
        "pyarrow",
    ),
    # the shell
    "clock": room(),
    "settings": room(
        "adapters/simulated_settings", "core/decision", "core/serving", *BASE, "pydantic", "pydantic_settings"
    ),
    "installation": room("clock", "settings", *CORE, "adapters/", "pipeline/custody"),
    "operations": room(
        "installation",
        "adapters/ledger_export",
        "adapters/ledger_witnesses",
        "adapters/reigns_file",
        "adapters/witness_key",
        "pipeline/custody",
        "pipeline/preparing",
        "pipeline/serving",
        *BASE,
        "core/ledger",
    ),
    "production": room(
        "settings", "adapters/ledger_export", "adapters/reigns_file", "core/moments", *BASE, "core/ledger"
    ),
    "proofs": room(
        "installation",
        "adapters/kept_files",
        "adapters/ledger_export",
        "adapters/witness_key",
        "pipeline/custody",
        *BASE,
        "core/ledger",
        "core/ports",
    ),
    "model_access": room(
        "clock",
        "production",
        "settings",
        "core/moments",
        "adapters/ledger_export",
        "adapters/mlflow_models",
        "adapters/model_folders",
        "adapters/spark_scoring",
        "adapters/verified_models",
        *BASE,
        "core/ledger",
        "core/models",
        "pyspark",
    ),
    "__init__": room("model_access"),
    "investigate": room(
        "installation",
        "production",
        "proofs",
        "settings",
        "adapters/explanation_pictures",
        "adapters/ledger_export",
        "pipeline/investigating",
        *CORE,
        "matplotlib",
        "pandas",
    ),
    "defs": room(
        "installation",
        "operations",
        "settings",
        *CORE,
        "pipeline/",
        "adapters/ledger_export",
        "adapters/reigns_file",
        "adapters/mlflow_connection",
        "adapters/runtime_environment",
        "adapters/worker_processes",
        "dagster",
        "dagster_mlflow",
        "matplotlib",
        "numpy",
        "pyarrow",
        "pydantic",
    ),
    "definitions": room("defs", "installation", "settings", "dagster"),
    "cli": room(
        "backtest",
        "clock",
        "definitions",
        "defs",
        "installation",
        "investigate",
        "operations",
        "production",
        "proofs",
        "settings",
        *CORE,
        "pipeline/custody",
        "pipeline/investigating",
        "pipeline/serving",
        "pipeline/investigating",
        "adapters/atomic_files",
        "adapters/delta_lake",
        "adapters/duckdb_ledger",
        "adapters/kept_files",
        "adapters/ledger_backup",
        "adapters/ledger_export",
        "adapters/lake_notes",
        "adapters/record_files",
        "dagster",
        "pyarrow",
        "rich",
        "sqlalchemy",
        "typer",
    ),
}
"""Every room of the package, from what everything stands on to what a person types."""
