"""Anthropic's Messages format, as https://docs.anthropic.com/en/api/messages describes it."""
import json

from common import arguments_of, pieces, require, usage_of

STOPS = {"length": "max_tokens", "content_filter": "refusal"}


def matches(path):
    return path == "/v1/messages"


def key_of(headers):
    return headers.get("x-api-key") or (headers.get("authorization") or "").removeprefix("Bearer ")


def streams(request, path):
    return bool(request.get("stream"))


def check(request, headers):
    require("anthropic-version" in headers, "anthropic-version: header is required")
    require(key_of(headers), "x-api-key: header is required")  # Or, from newer SDKs, a bearer.
    require(isinstance(request["max_tokens"], int) and request["max_tokens"] > 0, "max_tokens: must be positive")
    require(request["messages"], "messages: at least one message is required")
    marks, calls, last = 0, set(), None
    for message in request["messages"]:
        require(message["role"] in ("user", "assistant"), f"messages: role {message['role']}")
        require(message["role"] != last, "messages: roles must alternate")
        last = message["role"]
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        require(blocks, "messages: content must not be empty")
        seen_other, answered = False, set()
        for block in blocks:
            marks += "cache_control" in block
            if block["type"] == "text":
                require(block["text"], "messages: text content blocks must be non-empty")
            if block["type"] == "thinking":
                require(block["signature"], "messages: thinking needs its signature")
            if block["type"] == "tool_use":
                require(isinstance(block["input"], dict), "messages: tool_use.input must be an object")
            if block["type"] == "tool_result":
                require(not seen_other, "messages: tool_result blocks come first")
                require(block["tool_use_id"] in calls, "messages: tool_result without its tool_use")
                answered.add(block["tool_use_id"])
            else:
                seen_other = True
        require(not calls or answered == calls, "messages: every tool_use needs its tool_result at once")
        calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    system = request.get("system", [])
    for block in ([] if isinstance(system, str) else system) + request.get("tools", []):
        marks += "cache_control" in block
    require(marks <= 4, "cache_control: at most 4 marks")
    for tool in request.get("tools", []):
        require(tool["input_schema"]["type"] == "object", "tools: input_schema must be of type object")
    thinking = request.get("thinking", {})
    if thinking.get("type") == "enabled":
        require(1024 <= thinking["budget_tokens"] < request["max_tokens"], "thinking: budget_tokens")
    if thinking:
        require("temperature" not in request, "thinking: temperature may not be set")
        require(request.get("tool_choice", {}).get("type", "auto") == "auto", "thinking: no forced tool")


def blocks_of(turn):
    blocks = []
    if turn.get("reasoning"):
        blocks.append({"type": "thinking", "thinking": turn["reasoning"], "signature": "c2lnbmF0dXJl"})
    if turn.get("redacted"):
        blocks.append({"type": "redacted_thinking", "data": turn["redacted"]})
    text = turn.get("text", "" if turn.get("tools") else "ok")
    if text:
        blocks.append({"type": "text", "text": text})
    for number, tool in enumerate(turn.get("tools", [])):
        blocks.append({"type": "tool_use", "id": f"toolu_{number + 1:02d}", "name": tool["name"], "input": tool})
    return blocks


def stop_of(turn):
    return STOPS.get(turn.get("finish")) or ("tool_use" if turn.get("tools") else "end_turn")


def usage(turn):
    counts = usage_of(turn)
    return {"input_tokens": counts["input"], "cache_creation_input_tokens": counts["written"],
            "cache_read_input_tokens": counts["cached"], "output_tokens": counts["output"]}


def whole(request, path, turn):
    content = [dict(b, input=json.loads(arguments_of(b["input"]))) if b["type"] == "tool_use" else b
               for b in blocks_of(turn)]
    return {"id": "msg_01", "type": "message", "role": "assistant", "model": request["model"], "content": content,
            "stop_reason": stop_of(turn), "stop_sequence": None, "usage": usage(turn)}


def deltas_of(block):
    if block["type"] == "text":
        return [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "thinking":
        return ([{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])] +
                [{"type": "signature_delta", "signature": block["signature"]}])
    if block["type"] == "tool_use":
        return [{"type": "input_json_delta", "partial_json": piece} for piece in
                [""] + pieces(arguments_of(block["input"]))]
    return []


def opening(block):
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
    return dict(block, **empty.get(block["type"], {}))


def events(request, path, turn):
    start = dict(whole(request, path, {}), content=[], stop_reason=None, usage=dict(usage(turn), output_tokens=1))
    yield "message_start", {"type": "message_start", "message": start}
    for index, block in enumerate(blocks_of(turn)):
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": opening(block)}
        if index == 0:
            yield "ping", {"type": "ping"}
        for delta in deltas_of(block):
            yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": stop_of(turn), "stop_sequence": None},
                            "usage": usage(turn)}
    yield "message_stop", {"type": "message_stop"}


def error_event():
    return "error", error_body(529, "overloaded_error", "Overloaded")


def error_body(status, code, message):
    by_status = {401: "authentication_error", 403: "permission_error", 404: "not_found_error",
                 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
    return {"type": "error", "error": {"type": by_status.get(status, "invalid_request_error"), "message": message},
            "request_id": "req_01"}
