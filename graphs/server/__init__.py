"""What LangGraph Server lets through: who may do what, and by which token."""
