"""The table of vehicles: labels, facts, and how it is kept up to date."""
