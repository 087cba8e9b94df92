"""Each node's append-only, hash-chained journal."""
