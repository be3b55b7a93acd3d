"""Load that does not wait for answers: arrivals, the process that asks, what theory expects, which tails are told."""
