"""Tools of the tests: the shared server, the API client, fixtures."""
