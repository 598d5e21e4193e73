"""Is an OpenAPI document valid, and do recorded exchanges fit it?

Reads one JSON object from standard input: the document and the exchanges. Prints every difference, a line each.
"""

import json
import re
import sys
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

given = json.load(sys.stdin)
document = given["document"]
wrong = [f"the document: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]


def bare(path):
    return path[:-1] if given["either_slash"] and path.endswith("/") else path


def operations(target, method):
    """The operations for a path; with a slash more or less at its end where the dialect says so."""
    path = bare(urlsplit(target).path)
    for pattern, item in document["paths"].items():
        words = [re.escape(word) for word in re.split(r"\{[^}]+\}", bare(pattern))]
        if re.fullmatch("[^/]+".join(words), path) and method.lower() in item:
            yield item[method.lower()]


def faults(content, media, text):
    """What is wrong with a JSON text under the schema of its media type."""
    if not content:
        return [] if not text else ["a body where none is described"]
    schema = content.get(media)
    if schema is None:
        return [f"{media!r} is not among {sorted(content)}"]
    if not media.endswith("json"):
        return []
    errors = Draft202012Validator(schema["schema"]).iter_errors(json.loads(text))
    return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in errors]


def check(exchange):
    for operation in operations(exchange["target"], exchange["method"]):
        response = operation["responses"].get(str(exchange["status"]))
        if response is None:
            return [f"{exchange['status']} is not among {sorted(operation['responses'])}"]
        found = faults(response.get("content"), exchange["answer_media"], exchange["answer"])
        if exchange["status"] < 300 and exchange["media"] == "application/json" and exchange["body"]:
            content = operation.get("requestBody", {}).get("content")
            # A body that the route does not read is passed over.
            found += [] if content is None else [f"request: {fault}" for fault in faults(content, exchange["media"], exchange["body"])]
        return found
    return None


fitting = 0
for exchange in given["exchanges"]:
    found = check(exchange)
    if found is None:
        if exchange["status"] not in (200, 404, 405):
            wrong.append(f"{exchange['place']}: no operation, yet {exchange['status']}")
        continue
    fitting += not found
    wrong += [f"{exchange['place']}: {fault}" for fault in found]

print(json.dumps({"fitting": fitting, "wrong": wrong}))
