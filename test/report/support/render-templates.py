"""Renders templates as Home Assistant does: Jinja2 in a sandbox, with value_json and the filter timestamp_custom.

Reads a JSON list of {"template", "payload"} and writes a JSON list of {"text"} or {"error"}. What is undefined is an
error here; Home Assistant writes a warning to its log.
"""

import json
import sys
from datetime import datetime, timezone

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment


def timestamp_custom(value, date_format, local=True):
    """Seconds to text; what is not asked for in UTC would depend on where Home Assistant stands."""
    if local:
        raise TemplateError("timestamp_custom in local time")
    return datetime.fromtimestamp(value, timezone.utc).strftime(date_format)


def render(environment, template, payload):
    variables = {"value": payload}
    try:
        variables["value_json"] = json.loads(payload)
    except ValueError:
        pass
    try:
        return {"text": environment.from_string(template).render(variables).strip()}
    except (TemplateError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.filters["timestamp_custom"] = timestamp_custom
    json.dump([render(environment, each["template"], each["payload"]) for each in json.load(sys.stdin)], sys.stdout)


main()
