"""How the ledger's schema changed: numbered steps that are only ever added to, each recorded in the ledger.

Rules
-----
- The next writer migrates, under the lock and in the transaction of its own row; a `migration` row says so.
- Readers take an older schema as it is: a migration never changes what they select of the ledger's rows.
- A schema newer than this code is refused by whoever opens it.
"""

from typing import NamedTuple

from forest_fire_retrain.adapters.ledger_schema import REGISTRY_STATUS


class Migration(NamedTuple):
    """One step.

    Attributes
    ----------
    version : int
        The schema's version afterwards.
    statements : str
        SQL that leads there from the version before.
    summary : str
        What changed, for people.
    """

    version: int
    statements: str
    summary: str


MIGRATIONS = (
    Migration(
        2,
        "ALTER TABLE schema_version ADD COLUMN applied_at TIMESTAMPTZ",
        "schema_version says when each version was applied",
    ),
    Migration(
        3,
        f"CREATE OR REPLACE VIEW registry_status AS {REGISTRY_STATUS}",
        "registry_status has a row for each rollback, says what happened, and names the version it quarantined",
    ),
    Migration(
        4,
        f"CREATE OR REPLACE VIEW registry_status AS {REGISTRY_STATUS}",
        "registry_status says which candidates are in shadow until when, and which were dropped after that",
    ),
)
KNOWN_VERSION = MIGRATIONS[-1].version


def pending_migrations(held_version: int) -> tuple[Migration, ...]:
    """Steps that lead from `held_version` to the version this code knows, in their order."""
    return tuple(migration for migration in MIGRATIONS if migration.version > held_version)
