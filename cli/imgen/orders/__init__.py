"""Orders: matched to the catalogue, ranked, and drafted as jobs."""
