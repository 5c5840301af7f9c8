"""Where the parts of an installation lie: below its home, or where a setting says."""

from pathlib import Path

from pydantic import SecretStr

PROJECT_ROOT = Path(__file__).resolve().parents[1]


def default_home() -> Path:
    """`.forest_fire/` in the project's checkout, or in the current folder when installed without one."""
    root = PROJECT_ROOT if (PROJECT_ROOT / "workspace.yaml").is_file() else Path.cwd()
    return root / ".forest_fire"


class Places:
    """Folders, files and addresses, as they follow from five settings."""

    home: Path
    mlflow_tracking_uri: SecretStr | None
    lake_uri: SecretStr | None
    ledger_path: Path | None
    witness_key: Path | None

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"

    @property
    def mlflow_home(self) -> Path:
        """Folder of the MLflow store."""
        return self.home / "mlflow"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models; in a path, SQLAlchemy wants `%` and `?` escaped."""
        database = str(self.mlflow_home / "mlflow.db").replace("%", "%25").replace("?", "%3F")
        return _told(self.mlflow_tracking_uri) or f"sqlite:///{database}"

    @property
    def artifact_location(self) -> str | None:
        """Where MLflow keeps artifacts; `None` leaves it to the server."""
        return None if self.mlflow_tracking_uri else (self.mlflow_home / "artifacts").as_uri()

    @property
    def lake_root(self) -> str:
        """Root of the Delta tables."""
        return _told(self.lake_uri) or str(self.home / "lake")

    @property
    def records_folder(self) -> Path:
        """Where the steps' records lie."""
        return self.home / "records"

    @property
    def ledger_file(self) -> Path:
        """The ledger's database."""
        return self.ledger_path or self.home / "ledger.duckdb"

    @property
    def witness_key_file(self) -> Path:
        """The key that signs checkpoints."""
        return self.witness_key or self.home / "witness.key"

    @property
    def model_cache(self) -> Path:
        """Where verified models are kept for use; what is in it can be fetched again."""
        return self.home / "cache" / "models"

    @property
    def notices_file(self) -> Path:
        """What each channel was told."""
        return self.home / "notices.sqlite"

    @property
    def picture_folder(self) -> Path:
        """Where the pictures of the web UI lie."""
        return self.home / "pictures"

    @property
    def export_folder(self) -> Path:
        """Where the ledger's lock-free copy lies."""
        return self.home / "export"


def _told(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
