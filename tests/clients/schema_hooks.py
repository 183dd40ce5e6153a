"""Bodies that schemathesis makes up, changed so that most reach the bundled model and end soon."""

import json

import schemathesis

SHORT = {"num_predict": 8, "num_ctx": 512}
# These would make or remove what the other tests ask for.
MANAGING = ("/api/create", "/api/copy", "/api/delete")


@schemathesis.hook
def map_body(context, body):
    path = context.operation.path
    if not isinstance(body, dict) or path in MANAGING:
        return body
    body = {**body, "model": "tiny"}
    if path in ("/api/generate", "/api/chat"):
        options = body.get("options")
        body["options"] = {**(options if isinstance(options, dict) else {}), **SHORT}
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if name in body or name == "max_tokens" and "messages" in path:
            body[name] = 8
    return body


@schemathesis.deserializer("application/x-ndjson")
def last_line(_context, response):
    """The described schema is one line's."""
    return json.loads(response.content.strip().rsplit(b"\n", 1)[-1])
