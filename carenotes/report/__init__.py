"""From notebooks and results to one page: profiles, the papermill run, figures, tables, the HTML template."""

import sys

# What nbformat imports to check notebooks builds grammars of addresses, for a second, where this module is installed.
# No notebook has what they are for: it is as if it were not.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
