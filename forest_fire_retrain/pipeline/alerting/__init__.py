"""Tell channels what is new to them."""
