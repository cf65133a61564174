"""OpenAI's Chat Completions, as https://platform.openai.com/docs/api-reference/chat describes it, and as
compatible servers speak it (reasoning_content, no key needed)."""
from common import arguments_of, pieces, require, usage_of


def matches(path):
    return path.endswith("/chat/completions")


def key_of(headers):
    return (headers.get("authorization") or "").removeprefix("Bearer ")


def streams(request, path):
    return bool(request.get("stream"))


def check(request, headers):
    require(request["messages"], "messages: must not be empty")
    calls = set()
    for message in request["messages"]:
        role = message["role"]
        require(role in ("system", "developer", "user", "assistant", "tool"), f"messages: role {role}")
        if role == "tool":
            require(message["tool_call_id"] in calls, "messages: role tool must follow its tool_calls")
            require(isinstance(message["content"], str), "messages: content of a tool is a text")
            calls.discard(message["tool_call_id"])
            continue
        require(not calls, "messages: tool_calls must be followed by their results")
        if role == "assistant":
            require(message.get("content") is not None or message.get("tool_calls"), "messages: empty assistant")
            calls = {call["id"] for call in message.get("tool_calls", [])}
            for call in message.get("tool_calls", []):
                require(call["type"] == "function" and isinstance(call["function"]["arguments"], str), "tool_calls")
        else:
            require(message["content"], f"messages: {role} without content")
    for tool in request.get("tools", []):
        require(tool["type"] == "function" and tool["function"]["name"], "tools: function.name")
    require("tool_choice" not in request or request.get("tools"), "tool_choice: only with tools")


def finish_of(turn):
    return turn.get("finish") or ("tool_calls" if turn.get("tools") else "stop")


def calls_of(turn):
    return [{"id": f"call_{number + 1:02d}", "type": "function",
             "function": {"name": tool["name"], "arguments": arguments_of(tool)}}
            for number, tool in enumerate(turn.get("tools", []))]


def usage(turn):
    counts = usage_of(turn)
    return {"prompt_tokens": counts["input"], "completion_tokens": counts["output"],
            "total_tokens": counts["input"] + counts["output"],
            "prompt_tokens_details": {"cached_tokens": counts["cached"]},
            "completion_tokens_details": {"reasoning_tokens": counts["reasoning"]}}


def text_of(turn):
    return turn.get("text", None if turn.get("tools") else "ok")


def whole(request, path, turn):
    message = {"role": "assistant", "content": text_of(turn), "refusal": None}
    if turn.get("reasoning"):
        message["reasoning_content"] = turn["reasoning"]
    if turn.get("tools"):
        message["tool_calls"] = calls_of(turn)
    return {"id": "chatcmpl-01", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_of(turn)}],
            "usage": usage(turn)}


def events(request, path, turn):
    def chunk(delta, finish=None):
        return None, {"id": "chatcmpl-01", "object": "chat.completion.chunk", "created": 1,
                      "model": request["model"],
                      "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(turn.get("reasoning", "")):
        yield chunk({"reasoning_content": piece})
    for piece in pieces(text_of(turn) or ""):
        yield chunk({"content": piece})
    for index, call in enumerate(calls_of(turn)):
        arguments = call["function"]["arguments"]
        first = dict(call, index=index, function={"name": call["function"]["name"], "arguments": ""})
        yield chunk({"tool_calls": [first]})
        for piece in pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, finish_of(turn))
    if request.get("stream_options", {}).get("include_usage"):
        yield None, {"id": "chatcmpl-01", "object": "chat.completion.chunk", "created": 1,
                     "model": request["model"], "choices": [], "usage": usage(turn)}
    yield None, "[DONE]"


def error_event():
    return None, error_body(500, "server_error", "The server had an error")


def error_body(status, code, message):
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
