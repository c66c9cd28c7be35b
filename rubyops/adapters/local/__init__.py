"""The `local` driver: embedded servers and every process of the platform, kept by supervisord on this machine."""
