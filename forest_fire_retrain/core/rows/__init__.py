"""What rows are: tables, the data contract, features, labels."""
