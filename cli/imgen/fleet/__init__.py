"""Many machines, one ledger: the queue, the workers, and what they do for each other."""
