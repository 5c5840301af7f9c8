"""Watching the model in production; nothing here writes to lake or ledger."""
