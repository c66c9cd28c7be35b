"""What every service needs, once, in the rooms `runtime`, `http` and `events`."""
