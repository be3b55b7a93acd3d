"""What the notebooks run: one module a notebook, made of parts of the laboratory. Figures and tables are elsewhere."""
