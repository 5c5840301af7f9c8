"""Pure domain logic: no Dagster, no MLflow, no connection, no clock, no environment, no files."""
