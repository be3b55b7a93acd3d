"""The laboratory: what is asked, how it is timed, what is kept. It knows no notebook and draws nothing."""
