"""The shape of what an analyst writes: JSON Schema made from the models, and the findings of a tree that does not keep to it."""
