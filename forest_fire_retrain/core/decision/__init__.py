"""What a decision rests on and how it is taken: evidence, guardrails, the rule."""
