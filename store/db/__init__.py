"""The database: connections, migrations, outages, paging and column types."""
