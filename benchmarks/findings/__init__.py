"""Forms of the same computation that run at different speeds on a CPU, by theme."""
