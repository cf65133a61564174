"""Google's Gemini API, as https://ai.google.dev/api/generate-content describes it."""
import json
import re

from common import arguments_of, pieces, require, usage_of

PATH = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent)$")
# What a schema may say; anything else is refused as an unknown name.
SCHEMA = {"type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties",
          "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf",
          "propertyOrdering", "default", "items", "minimum", "maximum"}
FINISH = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


def matches(path):
    return PATH.match(path) is not None


def key_of(headers):
    return headers.get("x-goog-api-key")


def streams(request, path):
    return path.endswith(":streamGenerateContent")


def check_schema(schema, where):
    for key, value in schema.items():
        require(key in SCHEMA, f'Invalid JSON payload received. Unknown name "{key}" at {where}: Cannot find field.')
        if key == "type":
            require(isinstance(value, str), f"{where}.type: a string")
    for name, value in schema.get("properties", {}).items():
        check_schema(value, f"{where}.properties[{name}]")
    if "items" in schema:
        check_schema(schema["items"], where + ".items")
    for value in schema.get("anyOf", []):
        check_schema(value, where + ".anyOf")


def check(request, headers):
    require(key_of(headers), "a key is required")
    require(request["contents"], "contents: must not be empty")
    called = []
    for content in request["contents"]:
        require(content["role"] in ("user", "model"), f"contents: role {content['role']}")
        require(content["parts"], "contents: parts must not be empty")
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        require(len(answers) == len(called), "the number of function responses must equal that of function calls")
        for answer, name in zip(answers, called):
            require(answer["name"] == name and isinstance(answer["response"], dict), "functionResponse")
        called = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        for part in content["parts"]:
            require(len(set(part) & {"text", "inlineData", "fileData", "functionCall", "functionResponse"}) == 1,
                    "contents: one kind of data a part")
    for tool in request.get("tools", []):
        for function in tool["functionDeclarations"]:
            check_schema(function.get("parameters", {}), f"function_declarations[{function['name']}].parameters")


def parts_of(turn):
    parts = []
    if turn.get("reasoning"):
        parts.append({"text": turn["reasoning"], "thought": True})
    text = turn.get("text", None if turn.get("tools") else "ok")
    if text:
        parts.append({"text": text})
    for number, tool in enumerate(turn.get("tools", [])):
        part = {"functionCall": {"name": tool["name"], "args": json.loads(arguments_of(tool))}}
        if number == 0 and turn.get("reasoning"):
            part["thoughtSignature"] = "c2lnbmF0dXJl"
        parts.append(part)
    return parts


def usage(turn):
    counts = usage_of(turn)
    out = {"promptTokenCount": counts["input"], "candidatesTokenCount": counts["output"],
           "totalTokenCount": counts["input"] + counts["output"] + counts["reasoning"]}
    if counts["cached"]:
        out["cachedContentTokenCount"] = counts["cached"]
    if counts["reasoning"]:
        out["thoughtsTokenCount"] = counts["reasoning"]
    return out


def chunk(path, turn, parts, finish=None):
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage(turn), "modelVersion": PATH.match(path).group(1),
            "responseId": "resp-01"}


def whole(request, path, turn):
    return chunk(path, turn, parts_of(turn), FINISH.get(turn.get("finish"), "STOP"))


def events(request, path, turn):
    for part in parts_of(turn):
        if "text" in part:
            for piece in pieces(part["text"]):
                yield None, chunk(path, turn, [dict(part, text=piece)])
        else:
            yield None, chunk(path, turn, [part])
    yield None, chunk(path, turn, [{"text": ""}], FINISH.get(turn.get("finish"), "STOP"))


def error_event():
    return None, error_body(500, "INTERNAL", "An internal error has occurred.")


def error_body(status, code, message):
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
             429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
    return {"error": {"code": status, "message": message, "status": names.get(status, "UNKNOWN")}}
