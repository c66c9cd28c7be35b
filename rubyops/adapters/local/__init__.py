"""The `local` driver: servers and processes on this machine, kept by supervisord."""
