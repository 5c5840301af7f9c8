"""What a room of the house is, and the rooms that many may import."""

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
    *("clock", "settings", "installation", "operations", "shadows", "production", "oversight", "notifying", "proofs"),
    *("model_access", "investigate", "outgoing", "homes", "setting_faults", "places", "verification", "scoring"),
    *("ingestion", "watching", "definitions", "defs", "backtest", "cli", "spark_job"),
}
BASE = (
    *("core/errors", "core/windows", "core/periods", "core/canonical_json", "core/table_fingerprints"),
    *("core/records", "core/alarms", "core/losses", "core/park_calendar", "core/plain_text", "core/redaction"),
)
WINGS = ("core/rows", "core/models", "core/decision", "core/ledger", "core/serving", "core/monitoring", "core/routing")
CORE = (*BASE, *WINGS, "core/risk_model", "core/ports")
FOR_RECORDS = ("core/errors", "core/records", "core/canonical_json")
MLFLOW = ("adapters/mlflow_addresses", "adapters/mlflow_connection", "core/errors", "core/redaction")
