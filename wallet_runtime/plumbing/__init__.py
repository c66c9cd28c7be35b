"""Parts that every service shares, in the rooms `runtime`, `http` and `events`."""
