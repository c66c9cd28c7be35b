"""What every service needs, once: settings, database, web application, credentials, loops, metrics."""
