"""From raw samples to estimates and verdicts."""
