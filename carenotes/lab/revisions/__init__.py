"""Two revisions of the package, run interleaved: the gate for somebody's own CI."""
