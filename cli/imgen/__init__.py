"""imgen: a command line for hosted image models."""

__version__ = "0.1.0"
