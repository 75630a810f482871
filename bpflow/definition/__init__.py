"""What an analyst may write: processes, document types, the directory and the settings of a workspace, as pydantic models."""
