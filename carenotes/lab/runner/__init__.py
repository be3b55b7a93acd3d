"""Rounds in fresh processes, checked and kept."""
