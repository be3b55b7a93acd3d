"""Notebook 08."""
