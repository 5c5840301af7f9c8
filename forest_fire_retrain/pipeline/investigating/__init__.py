"""Questions about what was decided: read, computed again, never written."""
