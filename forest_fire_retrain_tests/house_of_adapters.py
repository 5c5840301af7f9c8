"""Rooms of the adapters: one external thing each, and which library it is for."""

from forest_fire_retrain_tests.rooms import FOR_RECORDS, MLFLOW, Room, room

ADAPTERS: dict[str, Room] = {
    "adapters/atomic_files": room(),
    "adapters/delta_compaction": room("deltalake"),
    "adapters/delta_handles": room("adapters/delta_compaction", "deltalake"),
    "adapters/delta_lake": room(
        *("adapters/delta_compaction", "adapters/delta_handles"),
        *("core/errors", "core/redaction", "core/rows", "core/windows", "deltalake", "pyarrow"),
    ),
    "adapters/row_files": room("adapters/atomic_files", "adapters/delta_lake", "core/errors", "deltalake", "pyarrow"),
    "adapters/duckdb_engine": room("duckdb", "pyarrow"),
    "adapters/duckdb_ledger": room(
        "adapters/atomic_files",
        "adapters/ledger_memory",
        "adapters/ledger_migrations",
        "adapters/ledger_schema",
        "core/errors",
        "core/ledger",
        "duckdb",
        "filelock",
        "pydantic",
    ),
    "adapters/explanation_pictures": room("core/serving", "matplotlib"),
    "adapters/failed_runs": room("adapters/sqlite_reading", "core/errors", "core/oversight", "dagster"),
    "adapters/folder_source": room(
        "adapters/table_files", "core/errors", "core/rows", "core/windows", "numpy", "pyarrow"
    ),
    "adapters/kept_files": room("adapters/atomic_files", "core/errors"),
    "adapters/lake_notes": room("adapters/delta_compaction", "core/errors", "core/redaction", "deltalake"),
    "adapters/ledger_backup": room("adapters/atomic_files", "adapters/duckdb_ledger", "core/errors", "core/ledger"),
    "adapters/copied_rows": room(
        "adapters/atomic_files",
        "adapters/ledger_schema",
        "core/canonical_json",
        "core/errors",
        "core/ledger",
        "duckdb",
    ),
    "adapters/status_file": room(
        "adapters/atomic_files", "adapters/copied_rows", "core/canonical_json", "core/errors", "core/ledger", "duckdb"
    ),
    "adapters/ledger_export": room(
        "adapters/copied_rows",
        "adapters/status_file",
        "adapters/atomic_files",
        "adapters/ledger_schema",
        "adapters/reigns_file",
        "core/canonical_json",
        "core/errors",
        "core/ledger",
        "duckdb",
        "pydantic",
    ),
    "adapters/ledger_memory": room("adapters/ledger_schema", "core/ledger", "duckdb"),
    "adapters/ledger_migrations": room("adapters/ledger_schema"),
    "adapters/ledger_witnesses": room(
        "adapters/copied_rows",
        "adapters/ledger_export",
        "adapters/ledger_schema",
        "core/errors",
        "core/ledger",
        "duckdb",
    ),
    "adapters/ledger_schema": room("core/ledger", "duckdb"),
    "adapters/mlflow_addresses": room("core/errors"),
    "adapters/mlflow_connection": room(
        "adapters/mlflow_addresses", "core/errors", "core/redaction", "filelock", "mlflow", "sqlalchemy"
    ),
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
    "adapters/mlflow_tracking": room(*MLFLOW, "core/records", "core/models", "mlflow"),
    "adapters/mlflow_versions": room("adapters/mlflow_addresses", "core/errors", "core/records", "mlflow"),
    "adapters/model_folders": room("adapters/verified_models", "core/canonical_json", "core/errors", "core/records"),
    "adapters/notify_file": room("core/errors", "core/notices"),
    "adapters/notify_settings": room("pydantic"),
    "adapters/notify_smtp": room("adapters/notify_settings", "core/errors", "core/notices"),
    "adapters/notify_webhook": room("adapters/notify_file", "core/errors", "core/notices", "pydantic"),
    "adapters/optuna_search": room("core/errors", "core/records", "optuna"),
    "adapters/process_identity": room(),
    "adapters/record_files": room("adapters/atomic_files", *FOR_RECORDS),
    "adapters/registry_glance": room(*MLFLOW, "adapters/mlflow_registry", "adapters/sqlite_reading", "core/oversight"),
    "adapters/reigns_file": room(
        "adapters/copied_rows", "adapters/ledger_schema", "core/errors", "core/ledger", "duckdb", "pyarrow"
    ),
    "adapters/request_guard": room("starlette"),
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
    "adapters/demonstration": room("adapters/atomic_files", "adapters/simulated_settings", "core/errors", "pydantic"),
    "adapters/delta_files": room(
        "adapters/delta_lake", "core/errors", "core/redaction", "core/windows", "deltalake", "pyarrow"
    ),
    "adapters/spark_features": room(
        *("adapters/delta_files", "adapters/spark_session", "core/errors", "core/park_calendar", "core/rows"),
        *("core/windows", "pyarrow", "pyspark", "sqlglot"),
    ),
    "adapters/spark_scoring": room(
        "adapters/spark_session", "adapters/verified_models", "core/errors", "pandas", "pyarrow", "pyspark"
    ),
    "adapters/spark_session": room("core/errors", "pyspark"),
    "adapters/spark_settings": room("pydantic"),
    "adapters/run_logs": room("adapters/failed_runs", "adapters/sqlite_reading"),
    "adapters/sqlite_reading": room(),
    "adapters/table_files": room("core/errors", "core/rows", "pyarrow"),
    "adapters/told_notices": room("core/errors", "core/notices", "filelock"),
    "adapters/upkeep_notes": room("adapters/atomic_files", "core/oversight", "core/records", "pydantic"),
    "adapters/verified_models": room("core/errors", "core/risk_model", "skops"),
    "adapters/witness_key": room("adapters/atomic_files", "core/errors", "cryptography"),
    "adapters/worker_processes": room("core/errors"),
}
