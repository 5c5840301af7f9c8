"""Predicting and reading predictions back; nothing here ingests."""
