"""Power, simulations and latency samples for the tables in the documents. Never shipped."""
