"""What the ledger holds, what it says now, and which step a promotion takes next."""
