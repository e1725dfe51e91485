"""Where scores are kept: bytes under keys, in memory and in Redis."""
