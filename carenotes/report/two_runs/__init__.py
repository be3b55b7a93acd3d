"""Two finished runs beside each other."""
