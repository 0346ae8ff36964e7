"""One file per command: parse, call, print. Whatever costs time to import is imported in the bodies."""
