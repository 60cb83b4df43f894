"""Every table and column of the warehouse, declared once. DDL, docs and checks derive from here."""
