"""Two minutes of a shift: embedded broker, reference OMS, script and audit."""
