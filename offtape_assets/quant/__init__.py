"""Arrays to arrays: numpy, scipy and numba only. No frame, clock, file, log or global state."""
