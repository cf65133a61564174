"""OpenAI's Responses, as https://platform.openai.com/docs/api-reference/responses describes it."""
from common import arguments_of, pieces, require, usage_of


def matches(path):
    return path == "/v1/responses"


def key_of(headers):
    return (headers.get("authorization") or "").removeprefix("Bearer ")


def streams(request, path):
    return bool(request.get("stream"))


def check(request, headers):
    require(key_of(headers), "a key is required")
    items = request["input"]
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    require(items, "input: must not be empty")
    calls = set()
    for number, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "message":
            kinds = {"user": ("input_text", "input_image"), "assistant": ("output_text", "refusal")}
            if not isinstance(item["content"], str):
                for part in item["content"]:
                    require(part["type"] in kinds[item["role"]], f"input: {part['type']} in {item['role']}")
        elif kind == "function_call":
            require(isinstance(item["arguments"], str), "input: arguments are a text")
            calls.add(item["call_id"])
        elif kind == "function_call_output":
            require(item["call_id"] in calls, f"No tool call found for function call output {item['call_id']}")
            calls.discard(item["call_id"])
        elif kind == "reasoning":
            follows = number + 1 < len(items) and items[number + 1].get("role") != "user"
            require(follows, "reasoning was provided without its required following item")
            require(request.get("store") is not False or item.get("encrypted_content"), "reasoning: not stored")
        else:
            require(False, f"input: type {kind}")
    require(not calls, f"No tool output found for function call {sorted(calls)}")
    for tool in request.get("tools", []):
        require(tool["type"] == "function" and "function" not in tool and tool["name"], "tools: flat functions")
        if tool.get("strict", True):
            schema = tool["parameters"]
            require(schema.get("additionalProperties") is False and
                    set(schema.get("required", [])) == set(schema["properties"]), "tools: not a strict schema")


def items_of(turn, encrypted):
    items = []
    if turn.get("reasoning") or turn.get("redacted"):
        summary = [{"type": "summary_text", "text": turn["reasoning"]}] if turn.get("reasoning") else []
        item = {"type": "reasoning", "id": "rs_01", "summary": summary}
        items.append(dict(item, encrypted_content="ZW5jcnlwdGVk") if encrypted else item)
    text = turn.get("text", None if turn.get("tools") else "ok")
    if text:
        items.append({"type": "message", "id": "msg_01", "role": "assistant", "status": "completed",
                      "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
    for number, tool in enumerate(turn.get("tools", [])):
        items.append({"type": "function_call", "id": f"fc_{number + 1:02d}", "call_id": f"call_{number + 1:02d}",
                      "name": tool["name"], "arguments": arguments_of(tool), "status": "completed"})
    return items


def usage(turn):
    counts = usage_of(turn)
    return {"input_tokens": counts["input"], "input_tokens_details": {"cached_tokens": counts["cached"]},
            "output_tokens": counts["output"], "output_tokens_details": {"reasoning_tokens": counts["reasoning"]},
            "total_tokens": counts["input"] + counts["output"]}


def response(request, turn, status, output):
    return {"id": "resp_01", "object": "response", "created_at": 1, "status": status, "model": request["model"],
            "output": output, "error": None, "incomplete_details": None, "instructions": request.get("instructions"),
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "temperature": 1, "top_p": 1,
            "metadata": {}, "usage": usage(turn) if status != "in_progress" else None}


def whole(request, path, turn):
    output = items_of(turn, "reasoning.encrypted_content" in request.get("include", []))
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(turn.get("finish"))
    done = response(request, turn, "incomplete" if reason else "completed", output)
    return dict(done, incomplete_details={"reason": reason}) if reason else done


def item_events(index, item):
    at = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "message":
        part = item["content"][0]
        yield "response.content_part.added", dict(at, content_index=0, part=dict(part, text=""))
        for piece in pieces(part["text"]):
            yield "response.output_text.delta", dict(at, content_index=0, delta=piece, logprobs=[])
        yield "response.output_text.done", dict(at, content_index=0, text=part["text"], logprobs=[])
        yield "response.content_part.done", dict(at, content_index=0, part=part)
    elif item["type"] == "function_call":
        for piece in pieces(item["arguments"]):
            yield "response.function_call_arguments.delta", dict(at, delta=piece)
        yield "response.function_call_arguments.done", dict(at, arguments=item["arguments"], name=item["name"])
    else:
        for part, summary in enumerate(item["summary"]):
            yield "response.reasoning_summary_part.added", dict(at, summary_index=part, part=dict(summary, text=""))
            for piece in pieces(summary["text"]):
                yield "response.reasoning_summary_text.delta", dict(at, summary_index=part, delta=piece)
            yield "response.reasoning_summary_text.done", dict(at, summary_index=part, text=summary["text"])
            yield "response.reasoning_summary_part.done", dict(at, summary_index=part, part=summary)


def opening(item):
    empty = {"message": {"content": [], "status": "in_progress"}, "reasoning": {"summary": []},
             "function_call": {"arguments": "", "status": "in_progress"}}
    return dict(item, **empty[item["type"]])


def events(request, path, turn):
    number = 0

    def event(name, /, **fields):
        nonlocal number
        number += 1
        return name, dict(fields, type=name, sequence_number=number - 1)
    done = whole(request, path, turn)
    started = response(request, turn, "in_progress", [])
    yield event("response.created", response=started)
    yield event("response.in_progress", response=started)
    for index, item in enumerate(done["output"]):
        yield event("response.output_item.added", output_index=index, item=opening(item))
        for name, fields in item_events(index, item):
            yield event(name, **fields)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response." + done["status"], response=done)


def error_event():
    return "error", {"type": "error", "code": "server_error", "message": "The server had an error", "param": None,
                     "sequence_number": 9}


def error_body(status, code, message):
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
