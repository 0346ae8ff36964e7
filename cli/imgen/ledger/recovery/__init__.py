"""What is done about a damaged ledger file, apart from the ordinary path."""
