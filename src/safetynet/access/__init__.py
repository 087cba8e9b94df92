"""Purposes, policy, grants, leases, keys, sealing and the ledger."""
