"""What papers say, put to the test: a ledger of claims, each with its rows and its answer."""
