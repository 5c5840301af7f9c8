"""From the source to the rows of a period: ingest, features, snapshot, holdout."""
