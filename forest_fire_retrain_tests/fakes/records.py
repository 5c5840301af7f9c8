"""Step records in memory."""

from dataclasses import dataclass, field

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.records import Record


@dataclass
class FakeRecordStore:
    """Implements `RecordStore`; `kept` holds every record ever put, oldest first, `pages` what a person may change."""

    kept: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)

    def put(self, kind: str, partition_key: str, record: Record) -> None:
        text = record.model_dump_json()
        if self.newest(kind, partition_key) != text:
            self.kept.setdefault((kind, partition_key), []).append(text)

    def keep_page(self, page: str) -> str:
        return self.pages.setdefault(fingerprint_text(page), page) and fingerprint_text(page)

    def page(self, sha256: str) -> str | None:
        return self.pages.get(sha256)

    def newest(self, kind: str, partition_key: str) -> str | None:
        records = self.kept.get((kind, partition_key))
        return records[-1] if records else None
