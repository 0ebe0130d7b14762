"""What only makes the documents' tables: power, simulations, latency samples. Never shipped."""
