"""Hold the resources in the given files against the schemas of their kinds: schemas.py FILE …

Runs in the environment of requirements.txt, which check.sh makes. Unknown fields, wrong types and
missing fields are refused; that they are is tried each time, on damaged copies.
"""

import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor
from kubernetes_validate import SchemaNotFoundError, ValidationError, validate
from pydantic import ValidationError as ModelError

Document = dict[str, Any]

# The oldest that knows every field that is used, and the newest that there is a schema of.
RELEASES: Final = ("1.27", "1.37")
# Kinds that are not Kubernetes' own.
MODELS: Final = {"ScaledObject": ScaledObject, "PodMonitor": PodMonitor}
# A field of the spec that has to be there.
REQUIRED: Final = {
    "Deployment": "selector",
    "Job": "template",
    "ScaledObject": "scaleTargetRef",
    "PodMonitor": "selector",
}


def problems(document: Document) -> Iterator[str]:
    if model := MODELS.get(document["kind"]):
        try:
            # As JSON, in which a number is no text.
            model.model_validate_json(json.dumps(document), strict=True, extra="forbid")
        except ModelError as error:
            yield from (f"{each['loc']}: {each['msg']}" for each in error.errors())
        return
    for release in RELEASES:
        try:
            validate(document, release, strict=True)
        except (SchemaNotFoundError, ValidationError) as error:
            yield f"Kubernetes {release}: {list(getattr(error, 'path', []))}: {error.message}"


def damaged(document: Document) -> Iterator[tuple[str, Document]]:
    """Copies with one mistake each, and the mistakes' names."""
    field = REQUIRED[document["kind"]]
    without = {name: value for name, value in document["spec"].items() if name != field}
    for mistake, spec in (
        ("an unknown field", {**document["spec"], "replicaz": 2}),
        ("a wrong type", {**document["spec"], field: "2 or so"}),
        ("a missing field", without),
    ):
        yield f"{document['kind']} with {mistake}", {**deepcopy(document), "spec": spec}


def main(files: list[str]) -> int:
    documents = [each for file in files for each in yaml.safe_load_all(Path(file).read_text())]
    found = [
        f"{each['kind']} {each['metadata']['name']}: {problem}"
        for each in documents
        for problem in problems(each)
    ]
    mistakes = [each for one in documents if one["kind"] in REQUIRED for each in damaged(one)]
    found += [f"A {name} is not refused." for name, copy in mistakes if not any(problems(copy))]
    for line in found:
        print(line, file=sys.stderr)
    missed = REQUIRED.keys() - {each["kind"] for each in documents}
    print(f"{len(documents)} resources, {len(mistakes)} damaged copies, {len(found)} findings")
    return 1 if found or missed else 0


sys.exit(main(sys.argv[1:]))
