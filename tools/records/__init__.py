"""The record of everything: the ledger, its database, its seals."""
