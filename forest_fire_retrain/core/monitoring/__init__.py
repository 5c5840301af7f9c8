"""Monitoring: whether the predictions of the model in production still say what happens, from matured fire reports."""
