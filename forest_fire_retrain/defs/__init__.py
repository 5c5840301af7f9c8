"""The Dagster shell: partitions, assets by group, checks, jobs, schedule and sensor; no arithmetic here."""
