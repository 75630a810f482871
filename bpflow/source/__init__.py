"""YAML text in; a tree whose every value knows its place, and findings, out. Never an exception, whatever the text.

The law of this room: it reads YAML 1.2 with its core schema and says what an analyst did not mean to write. It knows nothing of
processes: what keys there are and what their values mean is said in other rooms.
"""

from bpflow.source.reading import LARGEST_FILE, read_file, read_source
from bpflow.source.tree import Comment, Items, Source, Table, Text, Tree

__all__ = ["LARGEST_FILE", "Comment", "Items", "Source", "Table", "Text", "Tree", "read_file", "read_source"]
