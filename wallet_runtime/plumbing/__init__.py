"""Code that all services share: errors, money, and the packages `runtime`, `http`, `events`."""
