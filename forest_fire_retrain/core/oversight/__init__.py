"""What a home shows at a moment, and what of it needs a person; pure, as all of the core."""
