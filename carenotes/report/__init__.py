"""From notebooks and results to one page: profiles, the papermill run, figures, tables, the HTML template."""
