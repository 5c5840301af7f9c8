"""Questions about the past: predictions said again and taken apart, decisions taken apart, suppositions."""
