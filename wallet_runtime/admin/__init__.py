"""admin_service: the back office's commands, each of them audited."""
