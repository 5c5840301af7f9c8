"""The outside world behind the core's ports: files, Delta tables, DuckDB, MLflow, the simulator."""
