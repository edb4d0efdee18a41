"""The leak audit: what no honest feature shows."""
