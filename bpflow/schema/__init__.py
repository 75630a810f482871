"""The shape of what an analyst writes: JSON Schema made from the models, and the findings of a tree that does not keep to it."""

from bpflow.schema.generate import model_schema, process_schema
from bpflow.schema.shape import check_file, check_shape

__all__ = ["check_file", "check_shape", "model_schema", "process_schema"]
