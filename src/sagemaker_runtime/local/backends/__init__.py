"""What answers: functions, containers, and what stands around them, such as variants and sessions."""
