#include "fabro/agent/mcp/message.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fabro/codec/json/json.h"

namespace fabro::agent::mcp {

using model::Json;

namespace {

constexpr std::int64_t kMethodNotFound = -32601;  // JSON-RPC 2.0, 5.1.

Error Bad(std::string what) {
  return Failure(Code::kInvalidArgument, std::move(what), "mcp_message_invalid");
}

Json Envelope() { return Json::MakeObject().Set("jsonrpc", "2.0"); }

bool IsId(const Json* id) {
  return id != nullptr && (id->String() != nullptr || id->Int() != nullptr);
}

}  // namespace

bool IsKnownProtocol(std::string_view revision) {
  static constexpr std::array<std::string_view, 3> kKnown{kNewestProtocol, "2025-06-18",
                                                          "2025-03-26"};
  return std::find(kKnown.begin(), kKnown.end(), revision) != kKnown.end();
}

Result<Message> ParseMessage(std::string_view text) {
  const Json json = TRY(codec::ParseJson(text));
  if (json.Members() == nullptr) return Bad("a message is no JSON object");
  if (json.StringAt("jsonrpc") != "2.0") return Bad("a message is not JSON-RPC 2.0");
  Message message;
  const Json* id = json.Find("id");
  const Json* method = json.Find("method");
  if (method != nullptr) {
    if (method->String() == nullptr || method->String()->empty()) return Bad("a method is no name");
    message.kind = IsId(id) ? Message::Kind::kRequest : Message::Kind::kNotification;
    message.method = *method->String();
    if (const Json* params = json.Find("params")) message.params = *params;
    if (IsId(id)) message.id = *id;
    return message;
  }
  message.kind = Message::Kind::kResponse;
  const Json* error = json.Find("error");
  const Json* result = json.Find("result");
  // An error may come without id, when the server could not read ours.
  if (!IsId(id) && error == nullptr) return Bad("a response has no id");
  if (IsId(id)) message.id = *id;
  if (error == nullptr && result == nullptr) return Bad("a response has neither result nor error");
  if (error != nullptr) {
    message.failed = true;
    message.error_code = error->IntAt("code");
    message.error_message = error->StringAt("message", "no message");
  } else {
    message.result = *result;
  }
  return message;
}

Json MakeRequest(std::int64_t id, std::string_view method, Json params) {
  return Envelope().Set("id", id).Set("method", method).Set("params", std::move(params));
}

Json MakeNotification(std::string_view method, Json params) {
  Json json = Envelope().Set("method", method);
  if (!params.IsNull()) json.Set("params", std::move(params));
  return json;
}

Json MakeResult(const Json& id, Json result) {
  return Envelope().Set("id", id).Set("result", std::move(result));
}

Json MakeError(const Json& id, std::int64_t code, std::string_view message) {
  return Envelope().Set("id", id).Set("error",
                                      Json::MakeObject().Set("code", code).Set("message", message));
}

Json AnswerElicitation(const Json& params) {
  const Json* schema = params.Find("requestedSchema");
  const Json* properties = schema == nullptr ? nullptr : schema->Find("properties");
  if (properties == nullptr || properties->Members() == nullptr) {
    return Json::MakeObject().Set("action", "decline");
  }
  const std::vector<std::string> required = schema->StringsAt("required");
  Json content = Json::MakeObject();
  for (const auto& [name, property] : *properties->Members()) {
    const Json* value = property.Find("default");
    if (value != nullptr) {
      content.Set(name, *value);
    } else if (std::find(required.begin(), required.end(), name) != required.end()) {
      return Json::MakeObject().Set("action", "decline");
    }
  }
  if (content.Members()->empty()) return Json::MakeObject().Set("action", "decline");
  return Json::MakeObject().Set("action", "accept").Set("content", std::move(content));
}

Json AnswerServer(const Message& request) {
  if (request.method == "ping") return MakeResult(request.id, Json::MakeObject());
  if (request.method == "elicitation/create") {
    return MakeResult(request.id, AnswerElicitation(request.params));
  }
  return MakeError(request.id, kMethodNotFound, "this client has no " + request.method);
}

}  // namespace fabro::agent::mcp
