"""What the daemon shows of itself to whoever watches it: metrics, health, and alarms."""
