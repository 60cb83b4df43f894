"""Connectors that download a vendor's files into a landing folder; nothing here parses rows."""
