"""The ledger: every job, committed to disk before a byte of it is sent. The only place with SQL."""
