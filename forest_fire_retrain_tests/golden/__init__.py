"""A home made by an earlier revision, and what has to be read out of it for ever."""
