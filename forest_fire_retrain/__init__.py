"""Passive retraining of a forest-fire risk model, with a ledger that accounts for it."""
