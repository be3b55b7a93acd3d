"""An open loop: arrivals, the process that sends requests, the server, theory, and which percentiles may be shown."""
