"""The shapes of bpflow's own models, which lie ready in `bpflow/schema/shapes`. usage: python -m tests.shapes, which writes them again"""

import json

from bpflow.definition.entries import DirectoryFile
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings
from bpflow.definition.vocabulary import HOUSE, of_the_house
from bpflow.scenario.model import ScenarioFile
from bpflow.schema.generate import file_shape, process_shape
from bpflow.schema.shapes import FOLDER, PROCESS

FILES = (DirectoryFile, DocumentTypeModel, ScenarioFile, Settings)


def shapes() -> dict[str, str]:
    """What the models give, by the names of the files."""
    made = {PROCESS: process_shape({name: of_the_house(name) for name in sorted(HOUSE)}), **{model.__name__: file_shape(model) for model in FILES}}
    return {f"{name}.json": json.dumps(shape, ensure_ascii=False, separators=(",", ":")) + "\n" for name, shape in made.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in shapes().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
