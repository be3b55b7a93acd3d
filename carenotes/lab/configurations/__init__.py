"""What runs in a worker: one module a kind of condition. Nothing here knows results, and imports little."""
