"""The SQL store: engine, one writer, tables, migrations."""
