"""Flow: one file per stage; each reads, calls once into domain, writes, and attaches metadata."""
