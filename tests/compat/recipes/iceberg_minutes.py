"""Minutes from the tables that the Iceberg sink wrote: rows with their types, each identity once."""

import sys
from decimal import Decimal
from pathlib import Path

import duckdb
from pyiceberg.table import StaticTable


def table(name):
    """Return the newest state of a table as Arrow."""
    metadata = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "warehouse" / "market" / name / "metadata"
    version = (metadata / "version-hint.text").read_text().strip()
    return StaticTable.from_metadata(str(metadata / f"v{version}.metadata.json")).scan().to_arrow()


trade, candle = table("trade"), table("candle_1m")
for statement in Path(__file__).with_name("iceberg.sql").read_text().split(";\n"):
    if statement.strip():
        relation = duckdb.sql(statement)
        print(",".join(relation.columns))
        for row in relation.fetchall():
            print(",".join(f"{cell:f}" if isinstance(cell, Decimal) else str(cell) for cell in row))
