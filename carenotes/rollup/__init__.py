"""The rollup pyramid: counts and patient sets of each facility and day, and of ever longer times above them."""
