"""A project's pictures as a recipe in git: manifest, lock, plan, check, run, and how a run is reported."""
