"""Jobs: recorded before they cost anything, followed to their end, and saved."""
