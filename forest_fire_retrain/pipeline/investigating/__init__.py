"""Questions about the past: candidates trained again, predictions said again and taken apart, suppositions."""
