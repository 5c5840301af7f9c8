"""What needs a person: one sentence with figures and the next command, and a key by which it is told only once.

`status --check` lists matters, and the alerts are made of them; neither finds any by itself.
"""

from enum import StrEnum
from typing import NamedTuple


class MatterKind(StrEnum):
    """What a matter is about."""

    REGISTRY_DIFFERS = "registry_differs"
    RUN_FAILED = "run_failed"
    DECISION_OVERDUE = "decision_overdue"
    PREDICTION_OVERDUE = "prediction_overdue"
    FEED = "feed"
    LABELS_DOUBTED = "labels_doubted"
    GUARDRAIL_REPEATS = "guardrail_repeats"
    CHAMPION_OLD = "champion_old"
    FAULT_FOUND = "fault_found"
    QUALITY_ALARM = "quality_alarm"
    QUALITY_BLIND = "quality_blind"
    QUALITY_OVERDUE = "quality_overdue"
    POPULATION_SHIFT = "population_shift"


class Matter(NamedTuple):
    """Something that a person has to look at.

    Attributes
    ----------
    kind : MatterKind
        What it is about.
    key : str
        Names this occurrence: the same matter seen again has the same key, a new one of its kind another.
    sentence : str
        What is observed against what is allowed, with figures and without a full stop.
    remedy : str
        The next command, or where to look.
    """

    kind: MatterKind
    key: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        """As one line."""
        return f"{self.sentence}. {self.remedy}"
