"""The report that this project grew from: its claims, its two programs and its cache, written anew."""
