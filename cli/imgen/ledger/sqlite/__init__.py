"""What is about the file of a ledger on one machine, and what a second database does not have."""
