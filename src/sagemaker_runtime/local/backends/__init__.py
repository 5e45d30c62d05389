"""The models behind an endpoint: functions, containers, and wrappers such as variants and sessions."""
