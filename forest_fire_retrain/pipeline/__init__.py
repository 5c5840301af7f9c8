"""The steps of a retraining, each written against the ports of the core: no Dagster, no database."""
