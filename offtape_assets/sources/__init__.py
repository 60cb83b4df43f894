"""Where raw rows come from: the simulated market, a landing folder, the vendors."""
