"""Everything that keeps ledger, registry and models in agreement: promote, prove, verify, repair, roll back, freeze."""
