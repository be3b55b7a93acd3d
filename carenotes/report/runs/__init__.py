"""A whole run: profiles, papermill, the folder that is kept."""
