"""Raw rows from a folder in the vendors' own layouts: one module per vendor's kind of file."""
