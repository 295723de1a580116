"""Leases: taken for a call, on record, ended behind it until Vault has confirmed that."""
