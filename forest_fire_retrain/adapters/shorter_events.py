"""Events of Dagster in fewer bytes, which read the same.

Dagster writes every field of an event, also those that its reader fills in by itself where they are missing, as it does
for events of earlier releases. An event is written shorter only where Dagster reads both texts as equal; all it loses
are tags for Python's logger, which say again what job, step and run it is of, and which nobody reads from a store.
"""

import json
from typing import Any

Field = tuple[str, str]
FILLED_IN: dict[Field, object] = {
    ("AssetCheckEvaluation", "partition"): None,
    ("AssetMaterialization", "description"): None,
    ("DagsterEvent", "logging_tags"): {},
    ("EventLogEntry", "message"): "",
    ("EventMetadataEntry", "description"): None,
    ("StepMaterializationData", "asset_lineage"): [],
    ("TableColumn", "constraints"): {
        "__class__": "TableColumnConstraints",
        "nullable": True,
        "other": [],
        "unique": False,
    },
    ("TableColumn", "description"): None,
    ("TableSchema", "constraints"): {"__class__": "TableConstraints", "other": []},
}
"""By class and name, what Dagster's reader puts where a field is missing."""


def shorten(event: str) -> str:
    """The event without what is filled in, or as it is where Dagster would not read that as the same."""
    try:
        told = _untagged(json.loads(event))
        shorter = json.dumps(_without(told), separators=(",", ":"), ensure_ascii=False)
        shorter.encode()  # half a character, as of a name that is no text, can be stored escaped alone
    except (AttributeError, RecursionError, TypeError, ValueError):  # no event of a form that is known
        return event
    return shorter if len(shorter) < len(event) and _read_alike(shorter, json.dumps(told)) else event


def _untagged(told: dict[str, Any]) -> dict[str, Any]:
    happened = told.get("dagster_event")
    return told if happened is None else {**told, "dagster_event": {**happened, "logging_tags": {}}}


def _without(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, list):
        return [_without(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = str(value.get("__class__"))
    return {
        name: _without(held)
        for name, held in value.items()
        if (kind, name) not in FILLED_IN or held != FILLED_IN[kind, name]
    }


def _read_alike(shorter: str, event: str) -> bool:
    from dagster._serdes import deserialize_value  # noqa: PLC0415 - takes seconds; who has such events has it imported

    try:
        return bool(deserialize_value(shorter) == deserialize_value(event))
    except Exception:  # noqa: BLE001 - this release insists on a field, or does not know the event
        return False
