"""A vehicle's ordered test results, and the optional model that reads them."""
