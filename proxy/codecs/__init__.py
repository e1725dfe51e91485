"""Store protocols, one file each; `base` is the seam they implement, `_json` and `text` are shared."""
