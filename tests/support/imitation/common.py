"""What the four formats share: refusals, pieces of a text, and usage as a turn says it."""
import json


class Refused(Exception):
    """An answer with a status of failure; each format has a body for it."""

    def __init__(self, status, message, code="invalid_request_error"):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def pieces(text, size=7):
    """As a model streams: a few characters at a time."""
    return [text[at:at + size] for at in range(0, len(text), size)] or []


def usage_of(turn):
    usage = turn.get("usage", {})
    return {"input": usage.get("input", 11), "output": usage.get("output", 5),
            "reasoning": usage.get("reasoning", 0), "cached": usage.get("cached", 0),
            "written": usage.get("written", 0)}


def arguments_of(tool):
    """The text of a call's arguments; a string is sent as it is, right or wrong."""
    args = tool.get("args", {})
    return args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)


def require(condition, message):
    if not condition:
        raise Refused(400, message)
