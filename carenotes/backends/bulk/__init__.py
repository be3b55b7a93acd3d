"""Rows in bulk: how a batch travels, and what writes it. Imported when something is written, not before."""
