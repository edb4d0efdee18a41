"""From the cells of an upload to typed rows."""
