"""Everything a person or a program sees of imgen: the only place that writes, and that knows rich."""
