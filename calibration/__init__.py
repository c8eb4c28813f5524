"""The technician's tool: pure maths, records, and the dialogue."""
