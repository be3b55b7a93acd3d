"""Servers that experiments need: started when they are asked for, and gone with whoever asked."""
