"""What a person asks for: matched to the catalogue, ranked, and drafted as jobs."""
