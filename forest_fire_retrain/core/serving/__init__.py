"""What is said of a day, and how it is kept: the prediction log, risk classes, whose answer counts."""
