"""One room a notebook: what it runs, which workers import, and what it shows."""
