"""Doors: the only code that touches disk, lake and registry.

Read along the data: `uploads` archives files, `reading` parses them, `merging` puts their rows into the `lake`,
`vehicles` computes features, `registry` keeps models; `storage` has what all of them share. Rules belong in `domain`.
"""
