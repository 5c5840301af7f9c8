"""From the rows of a period to its decision: train, score, judge, record."""
