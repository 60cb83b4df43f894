"""What a market participant knows by heart: sessions, symbols, sale conditions, the universe."""
