"""How good is a conversation: simulated users who look for what is hidden from the engine."""
