"""The hub process: takes reports, answers them with views, and keeps the record."""
