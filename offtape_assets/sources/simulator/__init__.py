"""A market whose truth is known: world, tape, chains, event and contracts, seeded and exact."""
