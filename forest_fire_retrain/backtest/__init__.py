"""Replay a history under several promotion rules with the same candidates, and measure what each rule cost."""
