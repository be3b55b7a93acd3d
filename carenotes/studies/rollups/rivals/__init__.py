"""Who the pyramid is compared with, of those that hold the notes in memory."""

from carenotes.studies.rollups.rivals.alike import DuckLeaves, PolarsSlices, TenantColumns
from carenotes.studies.rollups.rivals.held import Rival
from carenotes.studies.rollups.rivals.scans import DuckTable, PandasFrame, PolarsFrame
from carenotes.studies.rollups.rivals.states import ChdbStates

SCANS = (
    Rival("DuckDB, table", DuckTable, ("duckdb",)),
    Rival("Polars, frame", PolarsFrame, ("polars",)),
    Rival("pandas, frame", PandasFrame, ("pandas",)),
)
ALIKE = (
    Rival("Polars, slices", PolarsSlices, ("polars",)),
    Rival("DuckDB, leaves", DuckLeaves, ("duckdb",)),
    Rival("chDB, states", ChdbStates, ("chdb",), survives_no_fork=True),
    Rival("NumPy, columns", TenantColumns, ()),
)
RIVALS = (*SCANS, *ALIKE)
