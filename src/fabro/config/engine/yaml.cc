#include "fabro/config/engine/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <utility>

namespace fabro::config::engine {
namespace {

std::string_view BytesOf(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  yaml_event_t* get() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

class Reader {
 public:
  Reader(std::string_view name, std::string_view text) : name_(name) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) return;
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Reader() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<YamlNode> Document() {
    if (!ready_) return Failure(Code::kResourceExhausted, "no memory for a YAML parser");
    YamlNode root;
    bool seen = false;
    for (;;) {
      Event event;
      TRY(Next(event));
      if (event->type == YAML_STREAM_END_EVENT) return root;
      if (event->type == YAML_DOCUMENT_START_EVENT) {
        if (std::exchange(seen, true)) return Bad(event->start_mark, "there is a second document");
        Event first;
        TRY(Next(first));
        root = TRY(Node(first, 0));
      }
    }
  }

 private:
  Error Bad(const yaml_mark_t& mark, std::string_view why) const {
    return Failure(Code::kInvalidArgument,
                   name_ + ":" + std::to_string(mark.line + 1) + ":" +
                       std::to_string(mark.column + 1) + ": " + std::string(why),
                   "config_invalid", "mend the YAML at that place");
  }

  Status Next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) == 1) return {};
    const char* problem = parser_.problem == nullptr ? "cannot be read" : parser_.problem;
    // A bad byte has an offset and no mark.
    yaml_mark_t mark = parser_.problem_mark;
    if (parser_.error == YAML_READER_ERROR) mark = parser_.mark;
    return Bad(mark, problem);
  }

  Status Count(const yaml_mark_t& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ <= kMostYamlNodes) return {};
    return Bad(
        mark, "more than " + std::to_string(kMostYamlNodes) + " values, those of aliases included");
  }

  static std::size_t SizeOf(const YamlNode& node) {
    std::size_t size = 1;
    for (const YamlNode& item : node.items) size += SizeOf(item);
    return size + node.keys.size();
  }

  // Depth is bounded, so this recursion is.
  Result<YamlNode> Node(const Event& event, std::size_t depth) {
    if (depth > kDeepestYaml) return Bad(event->start_mark, "nested too deeply");
    TRY(Count(event->start_mark, 1));
    YamlNode node{.line = event->start_mark.line + 1, .column = event->start_mark.column + 1};
    const yaml_char_t* anchor = nullptr;
    const yaml_char_t* tag = nullptr;
    switch (event->type) {
      case YAML_ALIAS_EVENT:
        return Alias(event);
      case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
      case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
      case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
      default:
        return Bad(event->start_mark, "a value is expected here");
    }
    if (tag != nullptr) return Bad(event->start_mark, "tags are not read");
    if (event->type == YAML_SCALAR_EVENT) {
      TRY(Scalar(event, node));
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
      TRY(List(node, depth));
    } else {
      TRY(Map(node, depth));
    }
    if (anchor != nullptr) anchors_.insert_or_assign(std::string(BytesOf(anchor)), node);
    return node;
  }

  Result<YamlNode> Alias(const Event& event) {
    const auto found = anchors_.find(std::string(BytesOf(event->data.alias.anchor)));
    if (found == anchors_.end()) return Bad(event->start_mark, "the alias has no anchor before it");
    TRY(Count(event->start_mark, SizeOf(found->second)));
    return found->second;
  }

  Status Scalar(const Event& event, YamlNode& node) const {
    const auto& scalar = event->data.scalar;
    node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    node.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (node.text.find('\0') != std::string::npos) {
      return Bad(event->start_mark, "a NUL byte is in this value");
    }
    const bool null = node.text.empty() || node.text == "~" || node.text == "null";
    node.kind = null && !node.quoted ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar;
    return {};
  }

  Status List(YamlNode& node, std::size_t depth) {
    node.kind = YamlNode::Kind::kList;
    for (;;) {
      Event event;
      TRY(Next(event));
      if (event->type == YAML_SEQUENCE_END_EVENT) return {};
      YamlNode item = TRY(Node(event, depth + 1));
      node.items.push_back(std::move(item));
    }
  }

  Status Map(YamlNode& node, std::size_t depth) {
    node.kind = YamlNode::Kind::kMap;
    for (;;) {
      Event event;
      TRY(Next(event));
      if (event->type == YAML_MAPPING_END_EVENT) return {};
      if (event->type != YAML_SCALAR_EVENT) return Bad(event->start_mark, "a key is a word");
      YamlNode key = TRY(Node(event, depth + 1));
      if (key.kind == YamlNode::Kind::kNull) return Bad(event->start_mark, "a key is a word");
      if (node.Find(key.text) != nullptr) {
        return Bad(event->start_mark, key.text + ": the key is here twice");
      }
      Event value_event;
      TRY(Next(value_event));
      YamlNode value = TRY(Node(value_event, depth + 1));
      node.keys.push_back(std::move(key));
      node.items.push_back(std::move(value));
    }
  }

  std::string name_;
  yaml_parser_t parser_{};
  bool ready_ = false;
  std::size_t nodes_ = 0;
  std::map<std::string, YamlNode> anchors_;
};

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size() && i < items.size(); ++i) {
    if (keys[i].text == key) return &items[i];
  }
  return nullptr;
}

Result<YamlNode> ParseYaml(std::string_view name, std::string_view text) {
  if (text.size() > kMostYamlText) {
    return Failure(Code::kInvalidArgument,
                   std::string(name) + ":1:1: more than 1 MiB is no configuration",
                   "config_invalid", "name the right file");
  }
  return Reader(name, text).Document();
}

}  // namespace fabro::config::engine
