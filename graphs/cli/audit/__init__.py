"""`bailiwick audit`: the ledger read, checked, exported and sealed."""
