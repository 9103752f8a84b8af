"""The workflows, on a real server and replayed from recorded histories."""
