"""The database itself: connections, migrations, outages, types."""
