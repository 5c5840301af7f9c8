"""What people are told without asking: notices made of ledger rows and of open matters."""
