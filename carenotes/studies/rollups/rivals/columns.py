"""The notes as a file of columns, sorted by tenant and time: what is read by whoever is to hold them in memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from carenotes.seeding import SeedSpec
from carenotes.seeding.generate import batches

NAMES = ("tenant_id", "created_at", "facility_id", "category", "priority", "patient_id")
_TEXTS = ("category", "patient_id")  # as codes of a dictionary
_BATCH = 1_000_000


def written(spec: SeedSpec, folder: Path) -> Path:
    """The file of the notes of a spec; it is made when it is not there yet."""
    file = folder / f"columns-{spec.ledger_keys()[0][:12]}.arrow"
    if not file.exists():
        made = file.with_suffix(".part")
        table = _sorted(pa.concat_tables(_coded(batch) for batch in batches(spec, _BATCH)).unify_dictionaries())
        with ipc.new_file(made, table.schema) as writer:
            writer.write_table(table)
        made.rename(file)
    return file


def read(file: Path) -> pa.Table:
    """All of it, in memory."""
    with pa.OSFile(str(file)) as opened:
        return ipc.open_file(opened).read_all().combine_chunks()


def _coded(batch: pa.Table) -> pa.Table:
    arrays = [batch[name].dictionary_encode() if name in _TEXTS else batch[name] for name in NAMES]
    return pa.Table.from_arrays(arrays, names=NAMES)


def _sorted(table: pa.Table) -> pa.Table:
    """By tenant, those of each in the order of time in which they came."""
    order = np.argsort(table["tenant_id"].to_numpy(), kind="stable")
    return table.combine_chunks().take(pa.array(order))
