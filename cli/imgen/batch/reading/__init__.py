"""From the bytes of a manifest to its assets: documents, their fields, and everything that is wrong in them."""
