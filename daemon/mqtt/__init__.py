"""MQTT: what happens is told to the seller's broker, and, where he wants it, commands are taken from there."""
